-- Every staged case stands once in the fact, with its instants.
with

staged as (
    select
        count(*) as case_count,
        count(assigned_at) as assigned_count,
        count(solved_at) as solved_count,
        count(reopened_at) as reopened_count
    from {{ ref('stg_service__cases') }}
),

published as (
    select
        count(*) as case_count,
        count(assigned_at) as assigned_count,
        count(solved_at) as solved_count,
        count(reopened_at) as reopened_count
    from {{ ref('fct_case') }}
)

select
    staged.case_count as staged_case_count,
    published.case_count as published_case_count
from staged
cross join published
where
    staged.case_count <> published.case_count
    or staged.assigned_count <> published.assigned_count
    or staged.solved_count <> published.solved_count
    or staged.reopened_count <> published.reopened_count
