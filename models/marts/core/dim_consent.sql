-- One row per customer, purpose, channel, day or night, and two intervals: in which it holds, in which it was known.
{%- set known = ['customer_id', 'purpose_code', 'channel_code', 'is_night', 'known_at'] %}
{# A withdrawal wins over what was said at the same instant, by its place in the alphabet. #}
{%- set order = ['valid_at', 'recorded_at', 'action_code', 'consent_event_id'] %}
with

events as (
    select * from {{ ref('fct_consent_event') }}
),

counted as (
    select
        *,
        count(*) over (partition by customer_id, purpose_code, is_night) as event_count
    from events
    where customer_id not in ('-1', '-3')
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
        counted.consent_event_id,
        counted.customer_id,
        counted.purpose_code,
        rules.channel_code,
        counted.is_night,
        counted.action_code,
        counted.basis_code,
        counted.valid_at,
        counted.recorded_at,
        counted.event_count = 1 as is_only_word
    from counted
    inner join rules
        on
            counted.purpose_code = rules.purpose_code
            and (
                counted.is_all_channels
                or counted.channel_code = rules.channel_code
                or (rules.channel_code = '-2' and counted.action_code = 'withdrawn')
            )
),

-- Most customers spoke once, and need no look at what else was known.
only_words as (
    select
        consent_event_id,
        customer_id,
        purpose_code,
        channel_code,
        is_night,
        case when action_code = 'confirmed' then 'not_granted' else action_code end as state_code,
        basis_code,
        valid_at,
        null as next_valid_at,
        recorded_at as known_at,
        null as next_known_at
    from events_of_channels
    where is_only_word
),

moments as (
    select distinct
        customer_id,
        purpose_code,
        channel_code,
        is_night,
        recorded_at as known_at
    from events_of_channels
    where not is_only_word
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
        *,
        lead(valid_at) over (
            partition by {{ known | join(', ') }}
            order by {{ order | join(', ') }}
        ) as next_valid_at,
        {{ last_known("case when action_code <> 'confirmed' then action_code end", known, order) }}
            as granted_or_withdrawn,
        {{ last_known("case when action_code <> 'confirmed' then basis_code end", known, order) }} as its_basis_code
    from known
),

compared as (
    select
        *,
        lag(next_valid_at) over (partition by consent_event_id, channel_code order by known_at) as former_next_valid_at,
        lag(granted_or_withdrawn) over (partition by consent_event_id, channel_code order by known_at) as former_state,
        lag(its_basis_code) over (partition by consent_event_id, channel_code order by known_at) as former_basis_code,
        row_number() over (partition by consent_event_id, channel_code order by known_at) as moment_number
    from placed
),

-- What a later moment leaves as it was is one row.
several_words as (
    select
        consent_event_id,
        customer_id,
        purpose_code,
        channel_code,
        is_night,
        coalesce(granted_or_withdrawn, 'not_granted') as state_code,
        coalesce(its_basis_code, basis_code) as basis_code,
        valid_at,
        next_valid_at,
        known_at,
        lead(known_at) over (partition by consent_event_id, channel_code order by known_at) as next_known_at
    from compared
    where
        moment_number = 1
        or next_valid_at is distinct from former_next_valid_at
        or granted_or_withdrawn is distinct from former_state
        or its_basis_code is distinct from former_basis_code
),

all_words as (
    select * from several_words
    union all
    select * from only_words
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
        basis_code,
        {{ code_label('basis_code') }} as basis_label,
        is_night,
        state_code = 'granted' as is_granted,
        valid_at as valid_from,
        next_valid_at as valid_to,
        known_at as recorded_from,
        next_known_at as recorded_to
    from all_words
    where valid_at is distinct from next_valid_at
)

select * from final
