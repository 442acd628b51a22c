-- One row per change of a consent, as last delivered.
with

events as (
    {{ latest_delivery(source('consent', 'events'), ['consent_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'consent_key']) }} as consent_event_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        source_system,
        consent_key,
        purpose as purpose_code,
        channel as channel_code,
        coalesce(time_band, 'day') as time_band_code,
        basis as basis_code,
        action as action_code,
        valid_at,
        recorded_at,
        delivery_date,
        batch_id
    from events
)

select * from final
