{# The two rows every dimension holds, so that no fact needs a null key: -1 unknown, -2 not applicable. #}
{% macro unknown_members() -%}
    select
        '-1' as member_id,
        'unknown' as member_code,
        'Unknown' as member_label
    union all
    select
        '-2' as member_id,
        'not_applicable' as member_code,
        'Not applicable' as member_label
{%- endmacro %}
