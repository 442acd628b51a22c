{#
    Text without outer blanks, in Unicode form NFC; null where nothing is left. Typed sources reach raw
    without passing the decoder that composes Hangul, so staging does it for all.
#}
{% macro clean_text(text) -%}
    {{ return(adapter.dispatch('clean_text')(text)) }}
{%- endmacro %}

{% macro default__clean_text(text) -%}
    nullif(trim(nfc_normalize({{ text }})), '')
{%- endmacro %}
