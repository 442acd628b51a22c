{# Hours from one instant to a later one, to the hundredth. #}
{% macro hours_between(first_instant, last_instant) -%}
    {{ return(adapter.dispatch('hours_between')(first_instant, last_instant)) }}
{%- endmacro %}

{% macro default__hours_between(first_instant, last_instant) -%}
    cast(date_diff('second', {{ first_instant }}, {{ last_instant }}) / 3600.0 as decimal(12, 2))
{%- endmacro %}
