-- One row per known customer: what was realised so far, and what the next 12 months are expected to bring.
with

customers as (
    select customer_id from {{ ref('dim_customer_current') }}
    where customer_id not in ('-1', '-2', '-3')
),

realised_value as (
    select * from {{ ref('int_customer__realised_value') }}
),

expected_value as (
    select * from {{ ref('int_customer__expected_value') }}
),

company as (
    select
        max(currency) as currency,
        max(complete_date) as complete_date
    from {{ ref('stg_ledger__company') }}
),

rule as (
    select coalesce(max(value_rule), 'net_sale') as value_rule from realised_value
),

valued as (
    select
        customers.customer_id,
        company.currency,
        company.complete_date,
        rule.value_rule,
        expected_value.value_model,
        expected_value.probability_alive,
        expected_value.expected_purchase_count,
        coalesce(realised_value.realised_amount, 0) as realised_amount,
        cast(expected_value.expected_spend_amount as decimal(18, 2)) as expected_spend_amount,
        cast(expected_value.expected_value_amount as decimal(18, 2)) as expected_12_months_amount,
        case
            when expected_value.customer_id is null then 'no purchase to start from'
            else expected_value.expected_value_reason
        end as expected_value_reason
    from customers
    cross join company
    cross join rule
    left join realised_value on customers.customer_id = realised_value.customer_id
    left join expected_value on customers.customer_id = expected_value.customer_id
),

final as (
    select
        customer_id,
        currency,
        value_rule,
        value_model,
        expected_value_reason,
        cast(realised_amount as decimal(18, 2)) as realised_amount,
        expected_12_months_amount,
        cast(realised_amount + expected_12_months_amount as decimal(18, 2)) as lifetime_value_amount,
        probability_alive,
        expected_purchase_count,
        expected_spend_amount,
        complete_date
    from valued
)

select * from final
