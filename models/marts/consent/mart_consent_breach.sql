-- One row per contact that was sent, of calls per attempt, judged by what was known when it was sent.
with

contacts as (
    select * from {{ ref('fct_contact') }}
    where is_sent
),

campaign_calls as (
    select * from {{ ref('fct_call') }}
    where
        direction = 'outbound'
        and contact_id <> '-2'
),

rules as (
    select * from {{ ref('int_consent__rule_interval') }}
    where purpose_code = 'marketing'
),

permissions as (
    select * from {{ ref('dim_permission') }}
    where purpose_code = 'marketing'
),

called_contacts as (
    select distinct contact_id from campaign_calls
),

-- Where only the day is known, what was known when it began counts.
all_contacts as (
    select
        contacts.contact_id,
        '-2' as call_id,
        contacts.customer_id,
        contacts.campaign_id,
        contacts.channel_code,
        contacts.sent_date as contact_date,
        coalesce(contacts.sent_at, {{ business_midnight('contacts.sent_date') }}) as contacted_at,
        contacts.sent_at is not null as is_hour_known
    from contacts
    left join called_contacts on contacts.contact_id = called_contacts.contact_id
    where
        contacts.channel_code <> 'outbound_call'
        or called_contacts.contact_id is null
    union all
    select
        campaign_calls.contact_id,
        campaign_calls.call_id,
        campaign_calls.customer_id,
        coalesce(contacts.campaign_id, '-1') as campaign_id,
        campaign_calls.channel_code,
        campaign_calls.call_date as contact_date,
        campaign_calls.started_at as contacted_at,
        true as is_hour_known
    from campaign_calls
    left join contacts on campaign_calls.contact_id = contacts.contact_id
),

ruled as (
    select
        all_contacts.*,
        coalesce(rules.rule_code, '-1') as rule_code,
        all_contacts.is_hour_known
        and {{ is_night(business_time('all_contacts.contacted_at'), 'rules.night_start_time', 'rules.night_end_time') }}
            as is_night
    from all_contacts
    left join rules
        on
            all_contacts.channel_code = rules.channel_code
            and all_contacts.contacted_at >= rules.valid_from
            and all_contacts.contacted_at < rules.valid_to
),

judged as (
    select
        ruled.*,
        case
            -- Of who was erased nobody knows any longer what they had allowed.
            when ruled.customer_id in ('-1', '-3') then 'unknown_customer'
            when ruled.rule_code = '-1' then 'no_rule'
            when ruled.is_night then coalesce(permissions.night_reason_code, 'no_consent')
            else coalesce(permissions.reason_code, 'no_consent')
        end as reason_code
    from ruled
    left join permissions
        on
            ruled.customer_id = permissions.customer_id
            and ruled.channel_code = permissions.channel_code
            and ruled.contacted_at >= permissions.valid_from
            and ruled.contacted_at < coalesce(permissions.valid_to, timestamp '9999-12-31')
),

verdicts as (
    select
        *,
        case
            when reason_code = 'allowed' then 'lawful'
            when reason_code in ('unknown_customer', 'no_rule') then 'unproven'
            else 'breach'
        end as verdict_code
    from judged
),

final as (
    select
        {{ surrogate_key(['contact_id', 'call_id']) }} as contact_attempt_id,
        contact_id,
        call_id,
        customer_id,
        campaign_id,
        channel_code,
        rule_code,
        verdict_code,
        {{ code_label('verdict_code') }} as verdict_label,
        reason_code,
        {{ code_label('reason_code') }} as reason_label,
        is_night,
        verdict_code = 'breach' as is_breach,
        contact_date,
        contacted_at
    from verdicts
)

select * from final
