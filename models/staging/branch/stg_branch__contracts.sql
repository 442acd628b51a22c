-- One row per contract of a branch system, as last delivered.
with

contracts as (
    {{ latest_delivery(source('branch', 'contracts'), ['contract_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'contract_key']) }} as contract_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('product_system', 'product_key') }} as product_id,
        {{ reference_key('branch_system', 'branch_key') }} as branch_id,
        {{ reference_key('employee_system', 'employee_key') }} as employee_id,
        source_system,
        contract_key,
        {{ clean_text('business_unit') }} as business_unit,
        channel as channel_code,
        signed_date,
        commitment_end_date,
        maturity_date,
        status as status_code,
        end_date,
        end_reason as end_reason_code,
        delivery_date,
        batch_id
    from contracts
)

select * from final
