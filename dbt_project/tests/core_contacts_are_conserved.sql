-- Every campaign contact stands once in the fact; every mailed piece counts once, with its contact or alone.
with

contacts as (
    select
        count(*) as contact_count,
        coalesce(sum(cost_amount), 0) as cost_amount
    from {{ ref('stg_campaign__contacts') }}
),

mailings as (
    select
        count(*) as mailing_count,
        coalesce(sum(cost_amount), 0) as cost_amount
    from {{ ref('stg_dm__mailings') }}
),

published as (
    select
        coalesce(sum(case when origin = 'campaign' then 1 else 0 end), 0) as contact_count,
        coalesce(sum(mailing_count), 0) as mailing_count,
        coalesce(sum(case when cost_rule = 'stated' then cost_amount end), 0) as stated_cost_amount,
        coalesce(sum(mailing_cost_amount), 0) as mailing_cost_amount
    from {{ ref('fct_contact') }}
)

select
    contacts.contact_count as staged_contact_count,
    published.contact_count as published_contact_count,
    mailings.mailing_count as staged_mailing_count,
    published.mailing_count as published_mailing_count
from contacts
cross join mailings
cross join published
where
    contacts.contact_count <> published.contact_count
    or mailings.mailing_count <> published.mailing_count
    or contacts.cost_amount <> published.stated_cost_amount
    or mailings.cost_amount <> published.mailing_cost_amount
