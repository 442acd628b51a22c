-- One row per customer with a purchase day: what BG/NBD and Gamma-Gamma need of the past.
with

purchase_days as (
    select * from {{ ref('int_customer__purchase_days') }}
    where is_purchase_day
),

realised_value as (
    select * from {{ ref('int_customer__realised_value') }}
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

valued as (
    select
        purchase_days.customer_id,
        purchase_days.purchase_date,
        min(purchase_days.purchase_date) over (partition by purchase_days.customer_id) as first_purchase_date,
        realised_value.value_rule,
        case
            when realised_value.value_rule = 'margin' then purchase_days.margin_amount
            else purchase_days.net_sale_amount
        end as value_amount
    from purchase_days
    inner join realised_value on purchase_days.customer_id = realised_value.customer_id
),

histories as (
    select
        customer_id,
        value_rule,
        first_purchase_date,
        max(purchase_date) as last_purchase_date,
        count(*) - 1 as repeat_purchase_count,
        sum(case when purchase_date > first_purchase_date then value_amount end) as repeat_amount
    from valued
    group by
        customer_id,
        value_rule,
        first_purchase_date
),

final as (
    select
        histories.customer_id,
        histories.value_rule,
        cast(histories.repeat_purchase_count as bigint) as repeat_purchase_count,
        {{ days_between('histories.first_purchase_date', 'histories.last_purchase_date') }}
        / cast(7 as double) as last_purchase_weeks,
        {{ days_between('histories.first_purchase_date', 'company.complete_date') }}
        / cast(7 as double) as observed_weeks,
        cast(histories.repeat_amount as double) / nullif(histories.repeat_purchase_count, 0)
            as mean_repeat_amount,
        histories.first_purchase_date,
        histories.last_purchase_date
    from histories
    cross join company
)

select * from final
