-- Every staged change of a consent stands once in the fact, by what was said.
with

staged as (
    select
        action_code,
        count(*) as event_count
    from {{ ref('stg_consent__events') }}
    group by action_code
),

published as (
    select
        action_code,
        count(*) as event_count
    from {{ ref('fct_consent_event') }}
    group by action_code
)

select
    coalesce(staged.action_code, published.action_code) as action_code,
    staged.event_count as staged_event_count,
    published.event_count as published_event_count
from staged
full outer join published on staged.action_code = published.action_code
where coalesce(staged.event_count, 0) <> coalesce(published.event_count, 0)
