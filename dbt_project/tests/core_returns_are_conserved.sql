-- Every mailed piece that came back is counted with its contact, once, however many report it.
with

staged as (
    select count(distinct returned.mailing_id) as returned_count
    from {{ ref('stg_dm__returns') }} as returned
    inner join {{ ref('stg_dm__mailings') }} as mailings on returned.mailing_id = mailings.mailing_id
),

published as (
    select coalesce(sum(returned_mailing_count), 0) as returned_count
    from {{ ref('fct_contact') }}
)

select
    staged.returned_count as staged_returned_count,
    published.returned_count as published_returned_count
from staged
cross join published
where staged.returned_count <> published.returned_count
