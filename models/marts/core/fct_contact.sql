-- One row per customer, treatment and run: the assignment, and what became of it.
with

contacts as (
    select * from {{ ref('stg_campaign__contacts') }}
),

mailings as (
    select * from {{ ref('stg_dm__mailings') }}
),

deliveries as (
    select * from {{ ref('int_mailing__delivery') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

campaigns as (
    select * from {{ ref('dim_campaign') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

customers_by_address as (
    select * from {{ ref('int_mailing__customer') }}
),

-- A piece belongs to the contact that ordered it; without a known one it is a contact of its own.
placed_mailings as (
    select
        mailings.*,
        contacts.contact_id as known_contact_id,
        case when deliveries.is_returned then 1 else 0 end as returned_mailing_count,
        case when deliveries.is_delivered then 1 else 0 end as delivered_mailing_count,
        deliveries.return_reason_code,
        deliveries.returned_date
    from mailings
    left join contacts on mailings.contact_id = contacts.contact_id
    left join deliveries on mailings.mailing_id = deliveries.mailing_id
),

mailings_of_contacts as (
    select
        known_contact_id,
        min(mailed_date) as mailed_date,
        cast(sum(cost_amount) as decimal(18, 2)) as mailing_cost_amount,
        count(*) as mailing_count,
        sum(returned_mailing_count) as returned_mailing_count,
        sum(delivered_mailing_count) as delivered_mailing_count,
        max(returned_date) as returned_date
    from placed_mailings
    where known_contact_id is not null
    group by known_contact_id
),

-- Of several pieces that came back, the last says why.
return_reasons as (
    select
        known_contact_id,
        return_reason_code
    from placed_mailings
    where
        known_contact_id is not null
        and returned_date is not null
    qualify row_number() over (
        partition by known_contact_id
        order by returned_date desc, mailing_id asc
    ) = 1
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
        coalesce(mailings_of_contacts.returned_mailing_count, 0) as returned_mailing_count,
        coalesce(mailings_of_contacts.delivered_mailing_count, 0) as delivered_mailing_count,
        return_reasons.return_reason_code,
        {{ business_date('contacts.assigned_at') }} as assigned_date,
        coalesce({{ business_date('contacts.sent_at') }}, mailings_of_contacts.mailed_date) as sent_date,
        mailings_of_contacts.mailed_date,
        mailings_of_contacts.returned_date,
        contacts.assigned_at,
        contacts.sent_at
    from contacts
    left join mailings_of_contacts on contacts.contact_id = mailings_of_contacts.known_contact_id
    left join return_reasons on contacts.contact_id = return_reasons.known_contact_id
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
        cast(null as decimal(18, 2)) as stated_cost_amount,
        cost_amount as mailing_cost_amount,
        1 as mailing_count,
        returned_mailing_count,
        delivered_mailing_count,
        return_reason_code,
        mailed_date as assigned_date,
        mailed_date as sent_date,
        mailed_date,
        returned_date,
        null as assigned_at,
        null as sent_at
    from placed_mailings
    where known_contact_id is null
),

all_contacts as (
    select * from campaign_contacts
    union all
    select * from mailings_alone
),

-- One piece that arrived is enough; what does not go by mail reports no delivery.
judged as (
    select
        all_contacts.*,
        coalesce(identity.customer_id, customers_by_address.customer_id, '-1') as customer_id,
        case
            when identity.customer_id is not null then 'stated'
            when customers_by_address.customer_id is not null then 'address'
            else 'unknown'
        end as customer_attribution_code,
        case
            when all_contacts.sent_date is null then 'not_applicable'
            when all_contacts.delivered_mailing_count > 0 then 'delivered'
            when
                all_contacts.mailing_count > 0
                and all_contacts.returned_mailing_count = all_contacts.mailing_count
                then 'returned'
            else 'unknown'
        end as delivery_state_code
    from all_contacts
    left join identity on all_contacts.customer_source_id = identity.customer_source_id
    -- A piece that stands alone has its own key for a contact's.
    left join customers_by_address on all_contacts.contact_id = customers_by_address.mailing_id
),

final as (
    select
        judged.contact_id,
        judged.customer_id,
        customers.customer_row_id,
        coalesce(campaigns.campaign_id, '-1') as campaign_id,
        coalesce(judged.channel_code, campaigns.channel_code, '-1') as channel_code,
        judged.customer_attribution_code,
        {{ code_label('judged.customer_attribution_code') }} as customer_attribution_label,
        judged.origin,
        judged.cell,
        judged.assignment_code,
        {{ code_label('judged.assignment_code') }} as assignment_label,
        case
            when judged.assignment_code = 'treatment' and judged.sent_date is null
                then coalesce(judged.not_sent_reason, 'unknown')
            else judged.not_sent_reason
        end as not_sent_reason,
        -- The campaign tool's cost of a contact already holds what its piece cost; the two are never added.
        coalesce(judged.stated_cost_amount, judged.mailing_cost_amount) as cost_amount,
        judged.mailing_cost_amount,
        case
            when judged.stated_cost_amount is not null then 'stated'
            when judged.mailing_cost_amount is not null then 'mailing'
            else 'missing'
        end as cost_rule,
        judged.mailing_count,
        cast(judged.returned_mailing_count as bigint) as returned_mailing_count,
        judged.delivery_state_code,
        {{ code_label('judged.delivery_state_code') }} as delivery_state_label,
        coalesce(judged.return_reason_code, 'not_applicable') as return_reason_code,
        {{ code_label("coalesce(judged.return_reason_code, 'not_applicable')") }} as return_reason_label,
        judged.assignment_code = 'control' as is_control,
        judged.sent_date is not null as is_sent,
        judged.assigned_date,
        judged.sent_date,
        judged.mailed_date,
        judged.returned_date,
        judged.assigned_at,
        judged.sent_at
    from judged
    left join campaigns on judged.campaign_id = campaigns.campaign_id
    left join customers
        on
            judged.customer_id = customers.customer_id
            and {{ valid_on('customers', 'judged.assigned_date') }}
)

select * from final
