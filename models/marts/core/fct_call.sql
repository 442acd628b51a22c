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

customers as (
    select * from {{ ref('dim_customer') }}
),

matched as (
    select
        calls.call_id,
        -- A call that names no customer is its contact's customer's.
        case
            when calls.customer_source_id is null then coalesce(contacts.customer_id, '-1')
            else coalesce(identity.customer_id, '-1')
        end as customer_id,
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
),

final as (
    select
        matched.call_id,
        matched.customer_id,
        customers.customer_row_id,
        matched.contact_id,
        matched.agent_id,
        matched.channel_code,
        matched.direction,
        matched.attempt,
        matched.disposition,
        matched.reason_code,
        matched.wait_seconds,
        matched.talk_seconds,
        matched.after_call_seconds,
        matched.is_reached,
        matched.call_date,
        matched.started_at
    from matched
    left join customers
        on
            matched.customer_id = customers.customer_id
            and {{ valid_on('customers', 'matched.call_date') }}
)

select * from final
