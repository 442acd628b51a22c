-- One row per known customer: on which channels it may be approached at the end of the complete date, and why not.
{%- set channels = ['dm', 'email', 'sms', 'push', 'outbound_call'] %}
with

customers as (
    select * from {{ ref('dim_customer_current') }}
    where customer_id not in ('-1', '-2', '-3')
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

instant as (
    select
        complete_date,
        {{ business_midnight(dbt.dateadd('day', 1, 'complete_date')) }} as ends_at
    from company
),

permissions as (
    select permissions.*
    from {{ ref('dim_permission') }} as permissions
    cross join instant
    where
        permissions.purpose_code = 'marketing'
        and permissions.valid_from < instant.ends_at
        and coalesce(permissions.valid_to, timestamp '9999-12-31') >= instant.ends_at
),

answers as (
    select
        customer_id,
        {%- for channel in channels %}
            max(case when channel_code = '{{ channel }}' then reason_code end) as {{ channel }}_reason_code,
            max(case when channel_code = '{{ channel }}' then night_reason_code end) as {{ channel }}_night_reason_code,
        {%- endfor %}
        min(confirmation_due_date) as confirmation_due_date
    from permissions
    group by customer_id
),

-- Who never said anything is not to be approached.
asked as (
    select
        customers.customer_id,
        {%- for channel in channels %}
            coalesce(answers.{{ channel }}_reason_code, 'no_consent') as {{ channel }}_reason_code,
            coalesce(answers.{{ channel }}_night_reason_code, 'no_consent') as {{ channel }}_night_reason_code,
        {%- endfor %}
        answers.confirmation_due_date,
        instant.complete_date
    from customers
    cross join instant
    left join answers on customers.customer_id = answers.customer_id
),

final as (
    select
        customer_id,
        {%- for channel in channels %}
            {{ channel }}_reason_code,
            {{ code_label(channel ~ '_reason_code') }} as {{ channel }}_reason_label,
            {{ channel }}_night_reason_code,
            {{ code_label(channel ~ '_night_reason_code') }} as {{ channel }}_night_reason_label,
        {%- endfor %}
        {%- for channel in channels %}
            {{ channel }}_reason_code = 'allowed' as is_contactable_{{ channel }},
            {{ channel }}_night_reason_code = 'allowed' as is_contactable_{{ channel }}_at_night,
        {%- endfor %}
        coalesce(confirmation_due_date < complete_date, false) as is_confirmation_overdue,
        confirmation_due_date,
        complete_date
    from asked
)

select * from final
