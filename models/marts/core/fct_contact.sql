-- One row per customer, treatment and run: the assignment, and what became of it.
with

contacts as (
    select * from {{ ref('stg_campaign__contacts') }}
),

mailings as (
    select * from {{ ref('stg_dm__mailings') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

campaigns as (
    select * from {{ ref('dim_campaign') }}
),

-- A piece belongs to the contact that ordered it; without a known one it is a contact of its own.
placed_mailings as (
    select
        mailings.*,
        contacts.contact_id as known_contact_id
    from mailings
    left join contacts on mailings.contact_id = contacts.contact_id
),

mailings_of_contacts as (
    select
        known_contact_id,
        min(mailed_date) as mailed_date,
        sum(cost_amount) as mailing_cost_amount,
        count(*) as mailing_count
    from placed_mailings
    where known_contact_id is not null
    group by known_contact_id
),

campaign_contacts as (
    select
        contacts.contact_id,
        contacts.campaign_id,
        contacts.customer_source_id,
        contacts.channel_code,
        'campaign' as origin,
        contacts.cell,
        contacts.assignment_code,
        contacts.not_sent_reason,
        contacts.cost_amount as stated_cost_amount,
        mailings_of_contacts.mailing_cost_amount,
        coalesce(mailings_of_contacts.mailing_count, 0) as mailing_count,
        {{ business_date('contacts.assigned_at') }} as assigned_date,
        coalesce({{ business_date('contacts.sent_at') }}, mailings_of_contacts.mailed_date) as sent_date,
        mailings_of_contacts.mailed_date,
        contacts.assigned_at
    from contacts
    left join mailings_of_contacts on contacts.contact_id = mailings_of_contacts.known_contact_id
),

mailings_alone as (
    select
        mailing_id as contact_id,
        campaign_id,
        customer_source_id,
        'dm' as channel_code,
        'dm' as origin,
        cell,
        'treatment' as assignment_code,
        null as not_sent_reason,
        null as stated_cost_amount,
        cost_amount as mailing_cost_amount,
        1 as mailing_count,
        mailed_date as assigned_date,
        mailed_date as sent_date,
        mailed_date,
        null as assigned_at
    from placed_mailings
    where known_contact_id is null
),

all_contacts as (
    select * from campaign_contacts
    union all
    select * from mailings_alone
),

final as (
    select
        all_contacts.contact_id,
        coalesce(identity.customer_id, '-1') as customer_id,
        coalesce(campaigns.campaign_id, '-1') as campaign_id,
        coalesce(all_contacts.channel_code, campaigns.channel_code, '-1') as channel_code,
        all_contacts.origin,
        all_contacts.cell,
        all_contacts.assignment_code,
        {{ code_label('all_contacts.assignment_code') }} as assignment_label,
        case
            when all_contacts.assignment_code = 'treatment' and all_contacts.sent_date is null
                then coalesce(all_contacts.not_sent_reason, 'unknown')
            else all_contacts.not_sent_reason
        end as not_sent_reason,
        -- The campaign tool's cost of a contact already holds what its piece cost; the two are never added.
        cast(coalesce(all_contacts.stated_cost_amount, all_contacts.mailing_cost_amount) as decimal(18, 2))
            as cost_amount,
        cast(all_contacts.mailing_cost_amount as decimal(18, 2)) as mailing_cost_amount,
        case
            when all_contacts.stated_cost_amount is not null then 'stated'
            when all_contacts.mailing_cost_amount is not null then 'mailing'
            else 'missing'
        end as cost_rule,
        all_contacts.mailing_count,
        all_contacts.assignment_code = 'control' as is_control,
        all_contacts.sent_date is not null as is_sent,
        all_contacts.assigned_date,
        all_contacts.sent_date,
        all_contacts.mailed_date,
        all_contacts.assigned_at
    from all_contacts
    left join identity on all_contacts.customer_source_id = identity.customer_source_id
    left join campaigns on all_contacts.campaign_id = campaigns.campaign_id
)

select * from final
