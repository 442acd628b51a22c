-- One row per change of a consent of a customer for a purpose and channel, with both its times.
with

events as (
    select * from {{ ref('stg_consent__events') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

matched as (
    select
        events.*,
        coalesce(identity.customer_id, '-1') as customer_id,
        {{ business_date('events.valid_at') }} as valid_date,
        {{ business_date('events.recorded_at') }} as recorded_date
    from events
    left join identity on events.customer_source_id = identity.customer_source_id
),

final as (
    select
        matched.consent_event_id,
        matched.customer_id,
        customers.customer_row_id,
        case when matched.channel_code = 'all' then '-2' else matched.channel_code end as channel_code,
        matched.source_system,
        matched.consent_key,
        matched.purpose_code,
        {{ code_label('matched.purpose_code') }} as purpose_label,
        coalesce(matched.basis_code, 'unknown') as basis_code,
        {{ code_label("coalesce(matched.basis_code, 'unknown')") }} as basis_label,
        matched.action_code,
        {{ code_label('matched.action_code') }} as action_label,
        matched.action_code <> 'withdrawn' as is_allowed,
        matched.channel_code = 'all' as is_all_channels,
        matched.time_band_code = 'night' as is_night,
        matched.valid_date,
        matched.recorded_date,
        matched.valid_at,
        matched.recorded_at
    from matched
    left join customers
        on
            matched.customer_id = customers.customer_id
            and {{ valid_on('customers', 'matched.valid_date') }}
)

select * from final
