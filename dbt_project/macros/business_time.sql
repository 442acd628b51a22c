{# The time of day of an instant (UTC, without a zone) in the company's time zone. #}
{% macro business_time(instant) -%}
    {{ return(adapter.dispatch('business_time')(instant)) }}
{%- endmacro %}

{% macro default__business_time(instant) -%}
    cast(timezone('{{ env_var("CRMDW_TIME_ZONE", "Asia/Seoul") }}', timezone('UTC', {{ instant }})) as time)
{%- endmacro %}
