-- One row per transaction line of a branch system, as last delivered.
with

transactions as (
    {{ latest_delivery(source('branch', 'transactions'), ['transaction_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'transaction_key']) }} as transaction_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('contract_system', 'contract_key') }} as contract_id,
        {{ reference_key('product_system', 'product_key') }} as product_id,
        {{ reference_key('branch_system', 'branch_key') }} as branch_id,
        source_system,
        transaction_key,
        transacted_at,
        transaction_type,
        amount_role,
        initiated_by,
        channel as channel_code,
        quantity,
        amount,
        currency,
        discount_amount,
        margin_amount,
        delivery_date,
        batch_id
    from transactions
)

select * from final
