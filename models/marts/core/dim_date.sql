-- One row per day, in whole years around every event and two years beyond the complete date.
with

holidays as (
    select * from {{ ref('korean_holidays') }}
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

bounds as (
    select
        min(transaction_date) as first_date,
        max(transaction_date) as last_date
    from {{ ref('fct_transaction') }}
    union all
    select
        min(call_date) as first_date,
        max(call_date) as last_date
    from {{ ref('fct_call') }}
    union all
    select
        least(min(assigned_date), min(sent_date), min(mailed_date), min(returned_date)) as first_date,
        greatest(max(assigned_date), max(sent_date), max(mailed_date), max(returned_date)) as last_date
    from {{ ref('fct_contact') }}
    union all
    select
        min(response_date) as first_date,
        max(response_date) as last_date
    from {{ ref('fct_response') }}
    union all
    -- What follows the opening of a case comes no earlier.
    select
        min(opened_date) as first_date,
        greatest(max(opened_date), max(assigned_date), max(solved_date), max(reopened_date)) as last_date
    from {{ ref('fct_case') }}
    union all
    select
        least(min(valid_date), min(recorded_date)) as first_date,
        greatest(max(valid_date), max(recorded_date)) as last_date
    from {{ ref('fct_consent_event') }}
    union all
    select
        min(checked_date) as first_date,
        max(checked_date) as last_date
    from {{ ref('fct_refusal_check') }}
    union all
    select
        complete_date as first_date,
        cast({{ dbt.dateadd('year', 2, 'complete_date') }} as date) as last_date
    from company
),

whole_years as (
    select
        make_date(extract(year from min(first_date)), 1, 1) as first_date,
        make_date(extract(year from max(last_date)), 12, 31) as last_date
    from bounds
),

days as (
    {{ date_series('whole_years') }}
),

numbered as (
    select
        date_id,
        extract(isodow from date_id) as day_of_week,
        extract(day from date_id) as day_of_month,
        extract(week from date_id) as iso_week,
        extract(isoyear from date_id) as iso_year,
        extract(month from date_id) as month_of_year,
        extract(quarter from date_id) as quarter_of_year,
        extract(year from date_id) as calendar_year
    from days
),

final as (
    select
        numbered.date_id,
        cast(numbered.day_of_week as integer) as day_of_week,
        case numbered.day_of_week
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            else 'Sunday'
        end as day_of_week_label,
        cast(numbered.day_of_month as integer) as day_of_month,
        cast(numbered.iso_week as integer) as iso_week,
        cast(numbered.iso_year as integer) as iso_year,
        cast(numbered.month_of_year as integer) as month_of_year,
        case numbered.month_of_year
            when 1 then 'January'
            when 2 then 'February'
            when 3 then 'March'
            when 4 then 'April'
            when 5 then 'May'
            when 6 then 'June'
            when 7 then 'July'
            when 8 then 'August'
            when 9 then 'September'
            when 10 then 'October'
            when 11 then 'November'
            else 'December'
        end as month_of_year_label,
        cast(numbered.quarter_of_year as integer) as quarter_of_year,
        cast(numbered.calendar_year as integer) as calendar_year,
        -- The fiscal year is the calendar year until a company says otherwise.
        cast(numbered.calendar_year as integer) as fiscal_year,
        cast(numbered.quarter_of_year as integer) as fiscal_quarter,
        holidays.holiday_label,
        numbered.day_of_week >= 6 as is_weekend,
        holidays.holiday_date is not null as is_holiday
    from numbered
    left join holidays on numbered.date_id = holidays.holiday_date
)

select * from final
