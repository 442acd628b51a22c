{#
    Joins a fact to the row of a dated dimension that holds on a day. A day before the first interval, which begins
    with 1900, belongs to it. Plain comparisons, so that engines hash the keys beside it and range over few rows.
#}
{% macro valid_on(dimension, day) -%}
    greatest({{ day }}, date '1900-01-01') >= {{ dimension }}.valid_from
    and greatest({{ day }}, date '1900-01-01') < coalesce({{ dimension }}.valid_to, date '9999-12-31')
{%- endmacro %}
