-- Every entry of every refusal list is counted once, with a customer or with nobody.
with

staged as (
    select
        source_system,
        refusal_list_code,
        checked_date,
        count(*) as entry_count
    from {{ ref('stg_consent__refusals') }}
    group by
        source_system,
        refusal_list_code,
        checked_date
),

published as (
    select
        source_system,
        refusal_list_code,
        checked_date,
        sum(counted_entry_count) as entry_count
    from {{ ref('fct_refusal_check') }}
    group by
        source_system,
        refusal_list_code,
        checked_date
)

select
    coalesce(staged.refusal_list_code, published.refusal_list_code) as refusal_list_code,
    coalesce(staged.checked_date, published.checked_date) as checked_date,
    staged.entry_count as staged_entry_count,
    published.entry_count as published_entry_count
from staged
full outer join published
    on
        staged.source_system = published.source_system
        and staged.refusal_list_code = published.refusal_list_code
        and staged.checked_date = published.checked_date
where coalesce(staged.entry_count, 0) <> coalesce(published.entry_count, 0)
