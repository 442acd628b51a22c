{# One row per day, column date_id, for each row of the relation with first_date and last_date. #}
{% macro date_series(relation) -%}
    {{ return(adapter.dispatch('date_series')(relation)) }}
{%- endmacro %}

{% macro default__date_series(relation) -%}
    select cast(unnest(generate_series(first_date, last_date, interval 1 day)) as date) as date_id
    from {{ relation }}
{%- endmacro %}
