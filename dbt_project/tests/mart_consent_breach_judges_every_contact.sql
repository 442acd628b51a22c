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
    select call_id as contact_attempt_id
    from calls
    union all
    select contacts.contact_id as contact_attempt_id
    from contacts
    left join calls on contacts.contact_id = calls.contact_id
    where
        contacts.channel_code <> 'outbound_call'
        or calls.call_id is null
),

judged as (
    select
        contact_attempt_id,
        count(*) as judgement_count
    from {{ ref('mart_consent_breach') }}
    group by contact_attempt_id
)

select
    owed.contact_attempt_id as owed_id,
    judged.contact_attempt_id as judged_id
from owed
full outer join judged on owed.contact_attempt_id = judged.contact_attempt_id
where
    owed.contact_attempt_id is null
    or judged.contact_attempt_id is null
    or judged.judgement_count > 1
