-- Every campaign response and every direct-mail reply stands once in the fact.
with

staged as (
    select
        'campaign' as origin,
        count(*) as response_count
    from {{ ref('stg_campaign__responses') }}
    union all
    select
        'dm' as origin,
        count(*) as response_count
    from {{ ref('stg_dm__replies') }}
),

published as (
    select
        origin,
        count(*) as response_count
    from {{ ref('fct_response') }}
    group by origin
)

select
    staged.origin,
    staged.response_count as staged_response_count,
    coalesce(published.response_count, 0) as published_response_count
from staged
left join published on staged.origin = published.origin
where staged.response_count <> coalesce(published.response_count, 0)
