-- One row per customer, purpose, channel and interval: what was known then about its consents and refusals.
{%- set states = ['day_state_code', 'day_basis_code', 'affirmed_date', 'night_state_code', 'night_basis_code'] %}
{%- set permission = ['customer_id', 'purpose_code', 'channel_code'] %}
with

consents as (
    select * from {{ ref('dim_consent') }}
),

refusals as (
    select * from {{ ref('int_customer__refusal_interval') }}
),

rules as (
    select * from {{ ref('int_consent__rule_interval') }}
),

-- What holds counts from when it was known, and what was known counts while it holds.
known_consents as (
    select
        *,
        greatest(valid_from, recorded_from) as known_from
    from consents
    where
        greatest(valid_from, recorded_from) < coalesce(valid_to, timestamp '9999-12-31')
        and greatest(valid_from, recorded_from) < coalesce(recorded_to, timestamp '9999-12-31')
),

refusable as (
    select distinct
        purpose_code,
        channel_code
    from rules
    where is_refusal_list_needed
),

changes as (
    select
        customer_id,
        purpose_code,
        channel_code,
        known_from as changed_at,
        case when not is_night then state_code end as day_state_code,
        case when not is_night then basis_code end as day_basis_code,
        case when not is_night then {{ business_date('valid_from') }} end as affirmed_date,
        case when is_night then state_code end as night_state_code,
        case when is_night then basis_code end as night_basis_code,
        null as is_refused
    from known_consents
    union all
    select
        refusals.customer_id,
        refusable.purpose_code,
        refusable.channel_code,
        refusals.valid_from as changed_at,
        null as day_state_code,
        null as day_basis_code,
        null as affirmed_date,
        null as night_state_code,
        null as night_basis_code,
        true as is_refused
    from refusals
    cross join refusable
    union all
    select
        refusals.customer_id,
        refusable.purpose_code,
        refusable.channel_code,
        refusals.valid_to as changed_at,
        null as day_state_code,
        null as day_basis_code,
        null as affirmed_date,
        null as night_state_code,
        null as night_basis_code,
        false as is_refused
    from refusals
    cross join refusable
    where refusals.valid_to is not null
),

instants_of_change as (
    select
        customer_id,
        purpose_code,
        channel_code,
        changed_at,
        max(day_state_code) as day_state_code,
        max(day_basis_code) as day_basis_code,
        max(affirmed_date) as affirmed_date,
        max(night_state_code) as night_state_code,
        max(night_basis_code) as night_basis_code,
        bool_or(is_refused) as is_refused
    from changes
    group by
        customer_id,
        purpose_code,
        channel_code,
        changed_at
),

final as (
    select
        customer_id,
        purpose_code,
        channel_code,
        {%- for column in states %}
            {{ last_known(column, permission, ['changed_at']) }} as {{ column }},
        {%- endfor %}
        coalesce({{ last_known('is_refused', permission, ['changed_at']) }}, false) as is_refused,
        changed_at as valid_from,
        coalesce(
            lead(changed_at) over (partition by {{ permission | join(', ') }} order by changed_at),
            timestamp '9999-12-31'
        ) as valid_to
    from instants_of_change
)

select * from final
