-- One row per contract, customer, role and start of validity, as last delivered.
with

contract_holders as (
    {{ latest_delivery(
        source('branch', 'contract_holders'),
        ['contract_system', 'contract_key', 'customer_system', 'customer_key', 'holder_role', 'valid_from']
    ) }}
),

final as (
    select
        {{ surrogate_key([
            'source_system',
            'contract_system',
            'contract_key',
            'customer_system',
            'customer_key',
            'holder_role',
            'valid_from',
        ]) }} as contract_holder_id,
        {{ reference_key('contract_system', 'contract_key') }} as contract_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        source_system,
        holder_role,
        share,
        valid_from,
        valid_to,
        delivery_date,
        batch_id
    from contract_holders
)

select * from final
