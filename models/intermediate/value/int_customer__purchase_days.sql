-- One row per customer and local day with a sale or refund that the customer set off.
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

-- Amounts in another currency cannot be added; days after the complete date are not all here yet.
counted as (
    select transactions.*
    from transactions
    cross join company
    where
        transactions.customer_id not in ('-1', '-2', '-3')
        and transactions.is_customer_initiated
        and transactions.amount_role in ('sale', 'refund')
        and transactions.currency = company.currency
        and transactions.transaction_date <= company.complete_date
),

days as (
    select
        customer_id,
        transaction_date as purchase_date,
        sum(amount) as net_sale_amount,
        sum(margin_amount) as known_margin_amount,
        count(*) as line_count,
        sum(case when margin_amount is null then 1 else 0 end) as missing_margin_line_count,
        sum(case when initiated_by is null then 1 else 0 end) as missing_initiator_line_count
    from counted
    group by
        customer_id,
        transaction_date
),

final as (
    select
        customer_id,
        purchase_date,
        cast(net_sale_amount as decimal(18, 2)) as net_sale_amount,
        cast(case when missing_margin_line_count = 0 then known_margin_amount end as decimal(18, 2))
            as margin_amount,
        cast(line_count as bigint) as line_count,
        cast(missing_margin_line_count as bigint) as missing_margin_line_count,
        cast(missing_initiator_line_count as bigint) as missing_initiator_line_count,
        net_sale_amount > 0 as is_purchase_day
    from days
)

select * from final
