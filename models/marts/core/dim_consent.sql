-- One row per customer, purpose, channel, day or night, interval in which it holds, and interval in which that was known.
{%- set consent = ['customer_id', 'purpose_code', 'channel_code', 'is_night'] %}
{# A withdrawal wins over what was said at the same instant, by its place in the alphabet. #}
{%- set order = ['valid_at', 'recorded_at', 'action_code', 'consent_event_id'] %}
with

events as (
    select * from {{ ref('fct_consent_event') }}
),

rules as (
    select distinct
        purpose_code,
        channel_code
    from {{ ref('dim_consent_rule') }}
),

-- A word for all channels is one for each. Where the purpose has no channels, a withdrawal for one stops the whole.
events_of_channels as (
    select
        events.consent_event_id,
        events.customer_id,
        events.purpose_code,
        rules.channel_code,
        events.is_night,
        events.action_code,
        events.basis_code,
        events.valid_at,
        events.recorded_at
    from events
    inner join rules
        on
            events.purpose_code = rules.purpose_code
            and (
                events.is_all_channels
                or events.channel_code = rules.channel_code
                or (rules.channel_code = '-2' and events.action_code = 'withdrawn')
            )
    where events.customer_id <> '-1'
),

moments as (
    select distinct
        customer_id,
        purpose_code,
        channel_code,
        is_night,
        recorded_at as known_at
    from events_of_channels
),

-- All that was known at each moment at which something new came to be known.
known as (
    select
        events_of_channels.*,
        moments.known_at
    from events_of_channels
    inner join moments
        on
            events_of_channels.customer_id = moments.customer_id
            and events_of_channels.purpose_code = moments.purpose_code
            and events_of_channels.channel_code = moments.channel_code
            and events_of_channels.is_night = moments.is_night
            and events_of_channels.recorded_at <= moments.known_at
),

-- A confirmation confirms what stands, and grants nothing.
placed as (
    select
        known.*,
        lead(valid_at) over (
            partition by {{ consent | join(', ') }}, known_at
            order by {{ order | join(', ') }}
        ) as next_valid_at,
        coalesce(
            {{ last_known("case when action_code <> 'confirmed' then action_code end", consent + ['known_at'], order) }},
            'not_granted'
        ) as state_code,
        coalesce(
            {{ last_known("case when action_code <> 'confirmed' then basis_code end", consent + ['known_at'], order) }},
            basis_code
        ) as state_basis_code
    from known
),

-- What a later moment leaves as it was is one row.
changed as (
    select *
    from placed
    qualify
        row_number() over (partition by consent_event_id, channel_code order by known_at) = 1
        or next_valid_at is distinct from lag(next_valid_at) over (
            partition by consent_event_id, channel_code order by known_at
        )
        or state_code <> lag(state_code) over (partition by consent_event_id, channel_code order by known_at)
        or state_basis_code <> lag(state_basis_code) over (
            partition by consent_event_id, channel_code order by known_at
        )
),

dated as (
    select
        changed.*,
        lead(known_at) over (partition by consent_event_id, channel_code order by known_at) as next_known_at
    from changed
),

final as (
    select
        consent_event_id,
        customer_id,
        channel_code,
        purpose_code,
        {{ code_label('purpose_code') }} as purpose_label,
        state_code,
        {{ code_label('state_code') }} as state_label,
        state_basis_code as basis_code,
        {{ code_label('state_basis_code') }} as basis_label,
        is_night,
        state_code = 'granted' as is_granted,
        valid_at as valid_from,
        next_valid_at as valid_to,
        known_at as recorded_from,
        next_known_at as recorded_to
    from dated
    where valid_at is distinct from next_valid_at
)

select * from final
