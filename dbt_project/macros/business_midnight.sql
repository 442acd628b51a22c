{# The instant (UTC, without a zone) at which a day begins in the company's time zone. #}
{% macro business_midnight(day) -%}
    {{ return(adapter.dispatch('business_midnight')(day)) }}
{%- endmacro %}

{% macro default__business_midnight(day) -%}
    timezone('UTC', timezone('{{ env_var("CRMDW_TIME_ZONE", "Asia/Seoul") }}', cast({{ day }} as timestamp)))
{%- endmacro %}
