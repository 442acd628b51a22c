-- One row per rule of what the use of customers' data for a purpose, on a channel, takes.
with

rules as (
    select * from {{ ref('consent_rules') }}
),

final as (
    select
        rule_code,
        purpose_code,
        {{ code_label('purpose_code') }} as purpose_label,
        channel_code,
        accepted_bases,
        refusal_list_code,
        legal_source,
        confirmation_months,
        refusal_check_months,
        valid_from,
        valid_to,
        night_start_time,
        night_end_time
    from rules
    union all
    select
        member_id as rule_code,
        member_code as purpose_code,
        member_label as purpose_label,
        '-2' as channel_code,
        member_code as accepted_bases,
        null as refusal_list_code,
        member_label as legal_source,
        null as confirmation_months,
        null as refusal_check_months,
        date '1900-01-01' as valid_from,
        null as valid_to,
        null as night_start_time,
        null as night_end_time
    from ({{ unknown_members() }})
)

select * from final
