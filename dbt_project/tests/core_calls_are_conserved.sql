-- Every staged call attempt stands once in the fact, with its seconds.
with

staged as (
    select
        count(*) as call_count,
        coalesce(sum(wait_seconds), 0) as wait_seconds,
        coalesce(sum(talk_seconds), 0) as talk_seconds,
        coalesce(sum(after_call_seconds), 0) as after_call_seconds
    from {{ ref('stg_call_center__calls') }}
),

published as (
    select
        count(*) as call_count,
        coalesce(sum(wait_seconds), 0) as wait_seconds,
        coalesce(sum(talk_seconds), 0) as talk_seconds,
        coalesce(sum(after_call_seconds), 0) as after_call_seconds
    from {{ ref('fct_call') }}
)

select
    staged.call_count as staged_call_count,
    published.call_count as published_call_count
from staged
cross join published
where
    staged.call_count <> published.call_count
    or staged.wait_seconds <> published.wait_seconds
    or staged.talk_seconds <> published.talk_seconds
    or staged.after_call_seconds <> published.after_call_seconds
