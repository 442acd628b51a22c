-- One row per mailed piece, as last delivered.
with

mailings as (
    {{ latest_delivery(source('dm', 'mailings'), ['mailing_key']) }}
),

final as (
    select
        -- A piece may stand in for a contact; the prefix keeps it apart from one of its system and number.
        {{ surrogate_key(["'mailing'", 'source_system', 'mailing_key']) }} as mailing_id,
        {{ reference_key('campaign_system', 'campaign_key') }} as campaign_id,
        {{ reference_key('contact_system', 'contact_key') }} as contact_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        source_system,
        mailing_key,
        {{ clean_text('recipient_name') }} as recipient_name,
        {{ clean_text('address') }} as address,
        {{ clean_text('cell') }} as cell,
        mailed_date,
        cost_amount,
        delivery_date,
        batch_id
    from mailings
)

select * from final
