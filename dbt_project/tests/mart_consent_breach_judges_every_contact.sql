-- Every contact that was sent, and every call of a campaign, is judged once, and nothing else is.
with

contacts as (
    select
        contact_id,
        channel_code
    from {{ ref('fct_contact') }}
    where is_sent
),

calls as (
    select
        call_id,
        contact_id
    from {{ ref('fct_call') }}
    where
        direction = 'outbound'
        and contact_id <> '-2'
),

owed as (
    select
        contact_id,
        call_id
    from calls
    union all
    select
        contacts.contact_id,
        '-2' as call_id
    from contacts
    left join calls on contacts.contact_id = calls.contact_id
    where
        contacts.channel_code <> 'outbound_call'
        or calls.call_id is null
),

judged as (
    select
        contact_id,
        call_id,
        count(*) as judgement_count
    from {{ ref('mart_consent_breach') }}
    group by
        contact_id,
        call_id
)

select
    owed.contact_id as owed_contact_id,
    judged.contact_id as judged_contact_id
from owed
full outer join judged
    on
        owed.contact_id = judged.contact_id
        and owed.call_id = judged.call_id
where
    owed.contact_id is null
    or judged.contact_id is null
    or judged.judgement_count > 1
