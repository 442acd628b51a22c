-- One row per customer with a sale or refund, also where the company initiated it.
with

transactions as (
    select * from {{ ref('fct_transaction') }}
),

company as (
    select
        max(currency) as currency,
        max(complete_date) as complete_date
    from {{ ref('stg_ledger__company') }}
),

counted as (
    select transactions.*
    from transactions
    cross join company
    where
        transactions.customer_id not in ('-1', '-2', '-3')
        and transactions.amount_role in ('sale', 'refund')
        and transactions.currency = company.currency
        and transactions.transaction_date <= company.complete_date
),

realised as (
    select
        customer_id,
        sum(amount) as net_sale_amount,
        sum(margin_amount) as margin_amount,
        sum(case when margin_amount is null then 1 else 0 end) as missing_margin_line_count
    from counted
    group by customer_id
),

-- Margin and net sale of different customers cannot be compared: one line without margin, and all get net sale.
rule as (
    select case when sum(missing_margin_line_count) = 0 then 'margin' else 'net_sale' end as value_rule
    from realised
),

final as (
    select
        realised.customer_id,
        rule.value_rule,
        cast(
            case when rule.value_rule = 'margin' then realised.margin_amount else realised.net_sale_amount end
            as decimal(18, 2)
        ) as realised_amount
    from realised
    cross join rule
)

select * from final
