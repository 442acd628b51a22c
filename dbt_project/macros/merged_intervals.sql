{#
    The intervals [valid_from, valid_to) of a relation with those that overlap or touch made one, per key. An open
    valid_to is null, before and after. Of those that begin together the longest is taken first: no two rows are then
    in any order, which the two windows could take differently.
#}
{% macro merged_intervals(relation, key_columns) -%}
    {%- set keys = key_columns | join(', ') -%}
    select
        {{ keys }},
        min(valid_from) as valid_from,
        nullif(max(valid_to), date '9999-12-31') as valid_to
    from (
        select
            *,
            sum(case when valid_from <= latest_valid_to then 0 else 1 end) over (
                partition by {{ keys }}
                order by valid_from
                rows between unbounded preceding and current row
            ) as spell_number
        from (
            select
                *,
                max(valid_to) over (
                    partition by {{ keys }}
                    order by valid_from
                    rows between unbounded preceding and 1 preceding
                ) as latest_valid_to
            from (
                select
                    {{ keys }},
                    valid_from,
                    max(coalesce(valid_to, date '9999-12-31')) as valid_to
                from {{ relation }}
                group by {{ keys }}, valid_from
            ) as begun
        ) as followed
    ) as numbered
    group by {{ keys }}, spell_number
{%- endmacro %}
