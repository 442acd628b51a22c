-- One row per customer and interval in which one of its telephone numbers is on a refusal list.
with

refusal_checks as (
    select * from {{ ref('fct_refusal_check') }}
),

days_of_check as (
    select distinct
        source_system,
        refusal_list_code,
        checked_date
    from refusal_checks
),

checks as (
    select
        source_system,
        refusal_list_code,
        checked_date,
        lead(checked_date) over (partition by source_system, refusal_list_code order by checked_date)
            as next_checked_date
    from days_of_check
),

-- Who is on a list stays on it until the list is checked again.
listed as (
    select
        refusal_checks.customer_id,
        refusal_checks.checked_date,
        coalesce(checks.next_checked_date, date '9999-12-31') as next_checked_date
    from refusal_checks
    inner join checks
        on
            refusal_checks.source_system = checks.source_system
            and refusal_checks.refusal_list_code = checks.refusal_list_code
            and refusal_checks.checked_date = checks.checked_date
    where refusal_checks.customer_id not in ('-1', '-3')
),

marked as (
    select
        *,
        coalesce(
            checked_date > max(next_checked_date) over (
                partition by customer_id
                order by checked_date, next_checked_date
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as is_first
    from listed
),

numbered as (
    select
        *,
        sum(case when is_first then 1 else 0 end) over (
            partition by customer_id
            order by checked_date, next_checked_date
            rows between unbounded preceding and current row
        ) as interval_number
    from marked
),

final as (
    select
        customer_id,
        {{ business_midnight('min(checked_date)') }} as valid_from,
        {{ business_midnight("nullif(max(next_checked_date), date '9999-12-31')") }} as valid_to
    from numbered
    group by
        customer_id,
        interval_number
)

select * from final
