{# The day of an instant (UTC, without a zone) in the company's time zone; engines convert differently. #}
{% macro business_date(instant) -%}
    {{ return(adapter.dispatch('business_date')(instant)) }}
{%- endmacro %}

{% macro default__business_date(instant) -%}
    cast(timezone('{{ env_var("CRMDW_TIME_ZONE", "Asia/Seoul") }}', timezone('UTC', {{ instant }})) as date)
{%- endmacro %}
