-- One row per customer, treatment and run of a campaign, as last delivered.
with

contacts as (
    {{ latest_delivery(source('campaign', 'contacts'), ['contact_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'contact_key']) }} as contact_id,
        {{ reference_key('campaign_system', 'campaign_key') }} as campaign_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        source_system,
        contact_key,
        {{ clean_text('cell') }} as cell,
        assignment as assignment_code,
        channel as channel_code,
        assigned_at,
        sent_at,
        {{ clean_text('not_sent_reason') }} as not_sent_reason,
        cost_amount,
        delivery_date,
        batch_id
    from contacts
)

select * from final
