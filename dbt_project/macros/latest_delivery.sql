{# The rows of a raw table in their latest delivered form. A key is of its source system; no two share one. #}
{% macro latest_delivery(relation, key_columns) -%}
    select *
    from {{ relation }}
    qualify row_number() over (
        partition by source_system, {{ key_columns | join(', ') }}
        order by delivery_date desc, batch_id desc, row_number desc
    ) = 1
{%- endmacro %}
