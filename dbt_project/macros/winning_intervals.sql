{#
    Per key, in which intervals [valid_from, valid_to) which place wins: the first of those of a relation that hold
    then. A row holds from starts_on until ends_on, a null one for ever; another loser begins no interval.
#}
{% macro winning_intervals(relation, key_columns, starts_on, ends_on) -%}
    {%- set keys = key_columns | join(', ') -%}
    select
        *,
        lead(valid_from) over (
            partition by {{ keys }}
            order by valid_from
        ) as valid_to
    from (
        select *
        from (
            select
                {%- for key in key_columns %}
                moments.{{ key }},
                {%- endfor %}
                min(held.place) as place,
                moments.valid_from
            from (
                select distinct
                    {{ keys }},
                    {{ starts_on }} as valid_from
                from {{ relation }}
            ) as moments
            inner join {{ relation }} as held
                on
                    {%- for key in key_columns %}
                    moments.{{ key }} = held.{{ key }}
                    and
                    {%- endfor %}
                    moments.valid_from >= held.{{ starts_on }}
                    and moments.valid_from < coalesce(held.{{ ends_on }}, date '9999-12-31')
            group by
                {%- for key in key_columns %}
                moments.{{ key }},
                {%- endfor %}
                moments.valid_from
        ) as winners
        qualify lag(place) over (
            partition by {{ keys }}
            order by valid_from
        ) is distinct from place
    ) as new_winners
{%- endmacro %}
