-- Sale and refund lines of known customers in another currency, which RFM and lifetime value leave out.
{{ config(severity='warn') }}
with

transactions as (
    select * from {{ ref('fct_transaction') }}
),

company as (
    select max(currency) as currency from {{ ref('stg_ledger__company') }}
)

select
    transactions.transaction_id,
    transactions.currency
from transactions
cross join company
where
    transactions.customer_id not in ('-1', '-2', '-3')
    and transactions.amount_role in ('sale', 'refund')
    and transactions.currency <> company.currency
