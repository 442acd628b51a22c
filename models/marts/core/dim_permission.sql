-- One row per customer, purpose, channel and interval in which the answer is the same, by what was known then.
with

states as (
    select * from {{ ref('int_consent__known_state') }}
),

rules as (
    select * from {{ ref('int_consent__rule_interval') }}
),

ruled as (
    select
        states.customer_id,
        states.channel_code,
        rules.rule_code,
        states.purpose_code,
        case
            when coalesce(states.day_state_code, 'not_granted') = 'not_granted' then 'no_consent'
            when states.day_state_code = 'withdrawn' then 'withdrawn'
            when not {{ is_listed('states.day_basis_code', 'rules.accepted_bases') }} then 'basis_not_accepted'
            when rules.is_refusal_list_needed and states.is_refused then 'on_refusal_list'
            when rules.is_refusal_check_overdue then 'refusal_check_overdue'
            else 'allowed'
        end as reason_code,
        case
            when rules.night_start_time is null then 'allowed'
            when coalesce(states.night_state_code, 'not_granted') = 'not_granted' then 'no_night_consent'
            when states.night_state_code = 'withdrawn' then 'night_withdrawn'
            when not {{ is_listed('states.night_basis_code', 'rules.accepted_bases') }} then 'basis_not_accepted'
            else 'allowed'
        end as own_night_reason_code,
        case
            when states.day_state_code = 'granted'
                then
                    cast(
                        {{ dbt.dateadd('month', 'rules.confirmation_months', 'states.affirmed_date') }} as date
                    )
        end as confirmation_due_date,
        greatest(states.valid_from, rules.valid_from) as valid_from,
        nullif(least(states.valid_to, rules.valid_to), timestamp '9999-12-31') as valid_to
    from states
    inner join rules
        on
            states.purpose_code = rules.purpose_code
            and states.channel_code = rules.channel_code
            and states.valid_from < rules.valid_to
            and states.valid_to > rules.valid_from
),

-- The night takes what the day takes, and more.
judged as (
    select
        *,
        case when reason_code = 'allowed' then own_night_reason_code else reason_code end as night_reason_code
    from ruled
),

final as (
    select
        customer_id,
        channel_code,
        rule_code,
        purpose_code,
        {{ code_label('purpose_code') }} as purpose_label,
        reason_code,
        {{ code_label('reason_code') }} as reason_label,
        night_reason_code,
        {{ code_label('night_reason_code') }} as night_reason_label,
        reason_code = 'allowed' as is_allowed,
        night_reason_code = 'allowed' as is_allowed_at_night,
        confirmation_due_date,
        valid_from,
        valid_to
    from judged
)

select * from final
