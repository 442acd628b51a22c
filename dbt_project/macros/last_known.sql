{# The last value that is not null, up to and with the row itself, among the rows of a partition in an order. #}
{% macro last_known(expression, partition, order) -%}
    {{ return(adapter.dispatch('last_known')(expression, partition, order)) }}
{%- endmacro %}

{% macro default__last_known(expression, partition, order) -%}
    last_value({{ expression }} ignore nulls) over (
        partition by {{ partition | join(', ') }}
        order by {{ order | join(', ') }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}
