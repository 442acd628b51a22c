-- One row per transaction line; a return is a negative row.
with

transactions as (
    select * from {{ ref('stg_branch__transactions') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

branches as (
    select * from {{ ref('dim_branch') }}
),

company as (
    select max(currency) as currency from {{ source('ledger', 'company') }}
),

-- Principal is the customer's own money going out or coming back; no rate makes margin of it.
matched as (
    select
        transactions.transaction_id,
        coalesce(identity.customer_id, '-1') as customer_id,
        case
            when transactions.contract_id is null then '-2'
            else coalesce(contracts.contract_id, '-1')
        end as contract_id,
        coalesce(products.product_id, '-1') as product_id,
        coalesce(branches.branch_id, '-1') as branch_id,
        coalesce(transactions.channel_code, '-1') as channel_code,
        transactions.source_system,
        transactions.transaction_key,
        transactions.transaction_type,
        transactions.amount_role,
        transactions.initiated_by,
        transactions.quantity,
        transactions.amount,
        transactions.discount_amount,
        transactions.margin_amount as stated_margin_amount,
        case when transactions.amount_role <> 'principal' then products.margin_rate end as margin_rate,
        coalesce(
            transactions.currency,
            company.currency,
            '{{ env_var("CRMDW_CURRENCY", "KRW") }}'
        ) as currency,
        transactions.transacted_at
    from transactions
    cross join company
    left join identity on transactions.customer_source_id = identity.customer_source_id
    left join contracts on transactions.contract_id = contracts.contract_id
    left join products on transactions.product_id = products.product_id
    left join branches on transactions.branch_id = branches.branch_id
),

final as (
    select
        transaction_id,
        customer_id,
        contract_id,
        product_id,
        branch_id,
        channel_code,
        source_system,
        transaction_key,
        transaction_type,
        amount_role,
        initiated_by,
        coalesce(initiated_by, 'customer') = 'customer' as is_customer_initiated,
        quantity,
        amount,
        discount_amount,
        cast(coalesce(stated_margin_amount, amount * margin_rate) as decimal(18, 2)) as margin_amount,
        case
            when stated_margin_amount is not null then 'stated'
            when margin_rate is not null then 'product_rate'
            else 'missing'
        end as margin_rule,
        currency,
        {{ business_date('transacted_at') }} as transaction_date,
        transacted_at
    from matched
)

select * from final
