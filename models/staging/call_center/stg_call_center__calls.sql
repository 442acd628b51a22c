-- One row per call attempt, as last delivered.
with

calls as (
    {{ latest_delivery(source('call_center', 'calls'), ['call_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'call_key']) }} as call_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('contact_system', 'contact_key') }} as contact_id,
        {{ reference_key('agent_system', 'agent_key') }} as agent_id,
        source_system,
        call_key,
        {{ clean_text('phone') }} as phone,
        direction,
        attempt,
        started_at,
        wait_seconds,
        talk_seconds,
        after_call_seconds,
        disposition,
        {{ clean_text('reason') }} as reason_code,
        delivery_date,
        batch_id
    from calls
)

select * from final
