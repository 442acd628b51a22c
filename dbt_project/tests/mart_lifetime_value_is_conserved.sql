-- What all customers realised is what the facts say; nothing is lost or counted twice on the way.
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

lifetime_value as (
    select * from {{ ref('mart_lifetime_value') }}
),

facts as (
    select
        coalesce(sum(transactions.amount), 0) as net_sale_amount,
        coalesce(sum(transactions.margin_amount), 0) as margin_amount
    from transactions
    cross join company
    where
        transactions.customer_id not in ('-1', '-2', '-3')
        and transactions.amount_role in ('sale', 'refund')
        and transactions.currency = company.currency
        and transactions.transaction_date <= company.complete_date
),

marts as (
    select
        max(value_rule) as value_rule,
        coalesce(sum(realised_amount), 0) as realised_amount
    from lifetime_value
)

select
    marts.value_rule,
    marts.realised_amount,
    facts.net_sale_amount,
    facts.margin_amount
from marts
cross join facts
where
    marts.realised_amount
    <> case when marts.value_rule = 'margin' then facts.margin_amount else facts.net_sale_amount end
