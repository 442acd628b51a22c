{#
    The rows every dimension holds, so that no fact needs a null key: -1 unknown, -2 not applicable; where members can be
    erased, -3 erased.
#}
{% macro unknown_members(can_be_erased=false) -%}
    select
        '-1' as member_id,
        'unknown' as member_code,
        'Unknown' as member_label
    union all
    select
        '-2' as member_id,
        'not_applicable' as member_code,
        'Not applicable' as member_label
    {%- if can_be_erased %}
    union all
    select
        '-3' as member_id,
        'erased' as member_code,
        'Erased' as member_label
    {%- endif %}
{%- endmacro %}
