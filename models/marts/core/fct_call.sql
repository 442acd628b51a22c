-- One row per call attempt.
with

calls as (
    select * from {{ ref('stg_call_center__calls') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

employees as (
    select * from {{ ref('dim_employee') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

customers_by_phone as (
    select * from {{ ref('int_call__customer') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

matched as (
    select
        calls.call_id,
        -- A call that names no customer is its contact's customer's, else his whose number it was.
        case
            when identity.customer_id is not null then 'stated'
            when calls.customer_source_id is not null then 'unknown'
            when coalesce(contacts.customer_id, '-1') <> '-1' then 'contact'
            when customers_by_phone.customer_id is not null then 'phone'
            else 'unknown'
        end as customer_attribution_code,
        identity.customer_id as stated_customer_id,
        contacts.customer_id as contact_customer_id,
        customers_by_phone.customer_id as phone_customer_id,
        case
            when calls.contact_id is null then '-2'
            else coalesce(contacts.contact_id, '-1')
        end as contact_id,
        -- Nobody took an abandoned call.
        case
            when calls.agent_id is null then '-2'
            else coalesce(employees.employee_id, '-1')
        end as agent_id,
        case when calls.direction = 'inbound' then 'inbound_call' else 'outbound_call' end as channel_code,
        calls.direction,
        calls.attempt,
        coalesce(calls.disposition, 'unknown') as disposition,
        calls.reason_code,
        calls.wait_seconds,
        calls.talk_seconds,
        calls.after_call_seconds,
        coalesce(calls.disposition, 'unknown') = 'answered' as is_reached,
        {{ business_date('calls.started_at') }} as call_date,
        calls.started_at
    from calls
    left join contacts on calls.contact_id = contacts.contact_id
    left join employees on calls.agent_id = employees.employee_id
    left join identity on calls.customer_source_id = identity.customer_source_id
    left join customers_by_phone on calls.call_id = customers_by_phone.call_id
),

attributed as (
    select
        *,
        case customer_attribution_code
            when 'stated' then stated_customer_id
            when 'contact' then contact_customer_id
            when 'phone' then phone_customer_id
            else '-1'
        end as customer_id
    from matched
),

final as (
    select
        attributed.call_id,
        attributed.customer_id,
        customers.customer_row_id,
        attributed.contact_id,
        attributed.agent_id,
        attributed.channel_code,
        attributed.customer_attribution_code,
        {{ code_label('attributed.customer_attribution_code') }} as customer_attribution_label,
        attributed.direction,
        attributed.attempt,
        attributed.disposition,
        attributed.reason_code,
        attributed.wait_seconds,
        attributed.talk_seconds,
        attributed.after_call_seconds,
        attributed.is_reached,
        attributed.call_date,
        attributed.started_at
    from attributed
    left join customers
        on
            attributed.customer_id = customers.customer_id
            and {{ valid_on('customers', 'attributed.call_date') }}
)

select * from final
