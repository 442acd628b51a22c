-- One row per known customer: the three measures of RFM at the complete date.
with

customers as (
    select customer_id from {{ ref('dim_customer_current') }}
    where customer_id not in ('-1', '-2', '-3')
),

purchase_days as (
    select * from {{ ref('int_customer__purchase_days') }}
),

company as (
    select
        max(complete_date) as complete_date,
        cast({{ dbt.dateadd('day', 1 - var('rfm_window_days'), 'max(complete_date)') }} as date) as window_start_date
    from {{ ref('stg_ledger__company') }}
),

window_days as (
    select purchase_days.*
    from purchase_days
    cross join company
    where purchase_days.purchase_date between company.window_start_date and company.complete_date
),

-- Margin and net sale of different customers cannot be compared: one line without margin, and all get net sale.
rule as (
    select
        case when sum(missing_margin_line_count) = 0 then 'margin' else 'net_sale' end as monetary_rule,
        case
            when sum(missing_initiator_line_count) > 0 then 'assumed customer where missing'
            else 'stated'
        end as initiation_rule
    from window_days
),

recent as (
    select
        customer_id,
        sum(case when is_purchase_day then 1 else 0 end) as frequency_count,
        sum(net_sale_amount) as net_sale_amount,
        sum(margin_amount) as margin_amount
    from window_days
    group by customer_id
),

last_purchases as (
    select
        customer_id,
        max(purchase_date) as last_purchase_date
    from purchase_days
    where is_purchase_day
    group by customer_id
),

final as (
    select
        customers.customer_id,
        rule.monetary_rule,
        rule.initiation_rule,
        cast(
            {{ days_between('last_purchases.last_purchase_date', 'company.complete_date') }} as bigint
        ) as recency_days,
        cast(coalesce(recent.frequency_count, 0) as bigint) as frequency_count,
        cast(
            coalesce(
                case when rule.monetary_rule = 'margin' then recent.margin_amount else recent.net_sale_amount end,
                0
            )
            as decimal(18, 2)
        ) as monetary_amount,
        coalesce(recent.frequency_count, 0) > 0 as is_scored,
        last_purchases.last_purchase_date,
        company.window_start_date,
        company.complete_date as window_end_date
    from customers
    cross join rule
    cross join company
    left join last_purchases on customers.customer_id = last_purchases.customer_id
    left join recent on customers.customer_id = recent.customer_id
)

select * from final
