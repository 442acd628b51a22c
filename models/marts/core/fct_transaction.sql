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

customers as (
    select * from {{ ref('dim_customer') }}
),

company as (
    select max(currency) as currency from {{ ref('stg_ledger__company') }}
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
        {{ business_date('transactions.transacted_at') }} as transaction_date,
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
        matched.transaction_id,
        matched.customer_id,
        customers.customer_row_id,
        matched.contract_id,
        matched.product_id,
        matched.branch_id,
        matched.channel_code,
        matched.source_system,
        matched.transaction_key,
        matched.transaction_type,
        matched.amount_role,
        matched.initiated_by,
        coalesce(matched.initiated_by, 'customer') = 'customer' as is_customer_initiated,
        matched.quantity,
        matched.amount,
        matched.discount_amount,
        -- Cast before it stands beside the other: their common type would be a number of 128 bits.
        coalesce(
            matched.stated_margin_amount,
            cast(matched.amount * matched.margin_rate as decimal(18, 2))
        ) as margin_amount,
        case
            when matched.stated_margin_amount is not null then 'stated'
            when matched.margin_rate is not null then 'product_rate'
            else 'missing'
        end as margin_rule,
        matched.currency,
        matched.transaction_date,
        matched.transacted_at
    from matched
    left join customers
        on
            matched.customer_id = customers.customer_id
            and {{ valid_on('customers', 'matched.transaction_date') }}
)

select * from final
