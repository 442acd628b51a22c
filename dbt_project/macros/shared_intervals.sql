{#
    Per key, the intervals [valid_from, valid_to) in which at least two rows of a relation hold; an open valid_to is
    null, before and after. One interval ends and another begins wherever a row comes or goes.
#}
{% macro shared_intervals(relation, key_columns) -%}
    {%- set keys = key_columns | join(', ') -%}
    select * from (
        select
            {{ keys }},
            changed_date as valid_from,
            lead(changed_date) over (
                partition by {{ keys }}
                order by changed_date
            ) as valid_to,
            sum(sum(row_change)) over (
                partition by {{ keys }}
                order by changed_date
                rows between unbounded preceding and current row
            ) as row_count
        from (
            select
                {{ keys }},
                valid_from as changed_date,
                1 as row_change
            from {{ relation }}
            union all
            select
                {{ keys }},
                valid_to as changed_date,
                -1 as row_change
            from {{ relation }}
            where valid_to is not null
        ) as comings_and_goings
        group by {{ keys }}, changed_date
    ) as counted
    where row_count >= 2
{%- endmacro %}
