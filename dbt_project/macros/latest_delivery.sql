{#
    The rows of a raw table in their latest delivered form. A key is of its source system; no two share one.

    Few keys come more than once, and only their rows are sorted: hashes tell which those may be. To sort all rows would
    take five times as long, and memory for every column.
#}
{% macro latest_delivery(relation, key_columns) -%}
    {%- set keys = ['source_system'] + key_columns -%}
    select *
    from {{ relation }}
    where {{ sieve_hash(keys) }} not in ({{ _repeated_hashes(relation, keys) }})
    union all
    select *
    from {{ relation }}
    where {{ sieve_hash(keys) }} in ({{ _repeated_hashes(relation, keys) }})
    qualify row_number() over (
        partition by {{ keys | join(', ') }}
        order by delivery_date desc, batch_id desc, row_number desc
    ) = 1
{%- endmacro %}

{% macro _repeated_hashes(relation, keys) -%}
    select {{ sieve_hash(keys) }}
    from {{ relation }}
    group by {{ sieve_hash(keys) }}
    having count(*) > 1
{%- endmacro %}
