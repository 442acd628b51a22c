-- One row per response to a contact: a campaign response or a direct-mail reply.
with

responses as (
    select * from {{ ref('stg_campaign__responses') }}
),

replies as (
    select * from {{ ref('stg_dm__replies') }}
),

mailings as (
    select * from {{ ref('stg_dm__mailings') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

campaigns as (
    select * from {{ ref('dim_campaign') }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

transactions as (
    select * from {{ ref('fct_transaction') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

-- The contact a piece belongs to is the one that ordered it, else the piece itself.
mailing_contacts as (
    select
        mailings.mailing_id,
        mailings.customer_source_id,
        mailings.campaign_id,
        coalesce(contacts.contact_id, mailings.mailing_id) as contact_id
    from mailings
    left join contacts on mailings.contact_id = contacts.contact_id
),

all_responses as (
    select
        response_id,
        contact_id,
        campaign_id,
        customer_source_id,
        contract_id,
        transaction_id,
        'campaign' as origin,
        response_type_code,
        {{ business_date('responded_at') }} as response_date,
        responded_at
    from responses
    union all
    select
        replies.reply_id as response_id,
        mailing_contacts.contact_id,
        mailing_contacts.campaign_id,
        coalesce(replies.customer_source_id, mailing_contacts.customer_source_id) as customer_source_id,
        replies.contract_id,
        replies.transaction_id,
        'dm' as origin,
        replies.response_type_code,
        replies.replied_date as response_date,
        null as responded_at
    from replies
    left join mailing_contacts on replies.mailing_id = mailing_contacts.mailing_id
),

matched as (
    select
        all_responses.response_id,
        coalesce(contacts.contact_id, '-1') as contact_id,
        -- What the response leaves out is taken from its contact.
        case
            when all_responses.customer_source_id is null then coalesce(contacts.customer_id, '-1')
            else coalesce(identity.customer_id, '-1')
        end as customer_id,
        case
            when all_responses.campaign_id is null then coalesce(contacts.campaign_id, '-1')
            else coalesce(campaigns.campaign_id, '-1')
        end as campaign_id,
        case
            when all_responses.contract_id is null then '-2'
            else coalesce(contracts.contract_id, '-1')
        end as contract_id,
        case
            when all_responses.transaction_id is null then '-2'
            else coalesce(transactions.transaction_id, '-1')
        end as transaction_id,
        all_responses.origin,
        all_responses.response_type_code,
        {{ code_label('all_responses.response_type_code') }} as response_type_label,
        cast(
            {{ dbt.datediff(
                'coalesce(contacts.sent_date, contacts.assigned_date)',
                'all_responses.response_date',
                'day'
            ) }} as integer
        ) as days_since_contact,
        all_responses.response_date,
        all_responses.responded_at
    from all_responses
    left join contacts on all_responses.contact_id = contacts.contact_id
    left join campaigns on all_responses.campaign_id = campaigns.campaign_id
    left join contracts on all_responses.contract_id = contracts.contract_id
    left join transactions on all_responses.transaction_id = transactions.transaction_id
    left join identity on all_responses.customer_source_id = identity.customer_source_id
),

final as (
    select
        matched.response_id,
        matched.contact_id,
        matched.customer_id,
        customers.customer_row_id,
        matched.campaign_id,
        matched.contract_id,
        matched.transaction_id,
        matched.origin,
        matched.response_type_code,
        matched.response_type_label,
        matched.days_since_contact,
        matched.response_date,
        matched.responded_at
    from matched
    left join customers
        on
            matched.customer_id = customers.customer_id
            and {{ valid_on('customers', 'matched.response_date') }}
)

select * from final
