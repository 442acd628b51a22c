-- One row per rule and interval in which it is in force and its refusal list is, or is not, checked of late.
with

rules as (
    select * from {{ ref('dim_consent_rule') }}
    where rule_code not in ('-1', '-2')
),

checks as (
    select distinct
        refusal_list_code,
        checked_date
    from {{ ref('fct_refusal_check') }}
),

-- A check counts through the same day of the last of its months.
counted_checks as (
    select
        rules.rule_code,
        checks.checked_date,
        cast({{ dbt.dateadd('month', 'rules.refusal_check_months', 'checks.checked_date') }} as date) as last_date
    from rules
    inner join checks on rules.refusal_list_code = checks.refusal_list_code
),

marked_checks as (
    select
        *,
        coalesce(
            {{ days_between('lag(last_date) over (partition by rule_code order by checked_date)', 'checked_date') }}
            > 1,
            true
        ) as is_first
    from counted_checks
),

numbered_checks as (
    select
        *,
        sum(case when is_first then 1 else 0 end) over (
            partition by rule_code
            order by checked_date
            rows between unbounded preceding and current row
        ) as run_number
    from marked_checks
),

runs_of_checks as (
    select
        rule_code,
        min(checked_date) as first_date,
        cast({{ dbt.dateadd('day', 1, 'max(last_date)') }} as date) as end_date
    from numbered_checks
    group by
        rule_code,
        run_number
),

changes as (
    select
        rule_code,
        valid_from as change_date,
        null as is_checked
    from rules
    union all
    select
        rule_code,
        first_date as change_date,
        true as is_checked
    from runs_of_checks
    union all
    select
        rule_code,
        end_date as change_date,
        false as is_checked
    from runs_of_checks
),

-- A rule and a run of checks that begin on one day make one change.
days_of_change as (
    select
        rule_code,
        change_date,
        bool_or(is_checked) as is_checked
    from changes
    group by
        rule_code,
        change_date
),

states as (
    select
        rule_code,
        {{ last_known('is_checked', ['rule_code'], ['change_date']) }} as is_checked,
        change_date,
        lead(change_date) over (partition by rule_code order by change_date) as next_change_date
    from days_of_change
),

final as (
    select
        rules.rule_code,
        rules.purpose_code,
        rules.channel_code,
        rules.accepted_bases,
        rules.confirmation_months,
        rules.night_start_time,
        rules.night_end_time,
        rules.refusal_list_code is not null as is_refusal_list_needed,
        rules.refusal_list_code is not null and not coalesce(states.is_checked, false) as is_refusal_check_overdue,
        {{ business_midnight('greatest(states.change_date, rules.valid_from)') }} as valid_from,
        coalesce(
            {{ business_midnight("least(states.next_change_date, rules.valid_to)") }},
            timestamp '9999-12-31'
        ) as valid_to
    from states
    inner join rules on states.rule_code = rules.rule_code
    where
        coalesce(states.next_change_date, date '9999-12-31') > rules.valid_from
        and states.change_date < coalesce(rules.valid_to, date '9999-12-31')
)

select * from final
