{# Whether a word is one of a text's words between blanks. #}
{% macro is_listed(word, words) -%}
    ' ' || {{ words }} || ' ' like '% ' || {{ word }} || ' %'
{%- endmacro %}
