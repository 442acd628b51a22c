-- One row per response to a campaign, as last delivered.
with

responses as (
    {{ latest_delivery(source('campaign', 'responses'), ['response_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'response_key']) }} as response_id,
        {{ reference_key('contact_system', 'contact_key') }} as contact_id,
        {{ reference_key('campaign_system', 'campaign_key') }} as campaign_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('contract_system', 'contract_key') }} as contract_id,
        {{ reference_key('transaction_system', 'transaction_key') }} as transaction_id,
        source_system,
        response_key,
        response_type as response_type_code,
        responded_at,
        delivery_date,
        batch_id
    from responses
)

select * from final
