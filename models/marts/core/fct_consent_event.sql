-- One row per change of a consent of a customer for a purpose and channel, with both its times.
with

events as (
    select * from {{ ref('stg_consent__events') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

final as (
    select
        events.consent_event_id,
        coalesce(identity.customer_id, '-1') as customer_id,
        case when events.channel_code = 'all' then '-2' else events.channel_code end as channel_code,
        events.source_system,
        events.consent_key,
        events.purpose_code,
        {{ code_label('events.purpose_code') }} as purpose_label,
        coalesce(events.basis_code, 'unknown') as basis_code,
        {{ code_label("coalesce(events.basis_code, 'unknown')") }} as basis_label,
        events.action_code,
        {{ code_label('events.action_code') }} as action_label,
        events.action_code <> 'withdrawn' as is_allowed,
        events.channel_code = 'all' as is_all_channels,
        events.time_band_code = 'night' as is_night,
        {{ business_date('events.valid_at') }} as valid_date,
        {{ business_date('events.recorded_at') }} as recorded_date,
        events.valid_at,
        events.recorded_at
    from events
    left join identity on events.customer_source_id = identity.customer_source_id
)

select * from final
