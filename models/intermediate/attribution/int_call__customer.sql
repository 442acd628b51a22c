-- One row per call that names no customer, to or from a number that one customer alone had on its day.
with

calls as (
    select
        call_id,
        {{ plain_phone('phone') }} as phone,
        {{ business_date('started_at') }} as call_date
    from {{ ref('stg_call_center__calls') }}
    where customer_source_id is null
),

phones as (
    select * from {{ ref('stg_resolution__phones') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

-- A number that somebody filled in for everybody is asked about once a day, not once a call.
asked as (
    select distinct
        phone,
        call_date
    from calls
    where phone is not null
),

-- A family's number or a switchboard's is several customers', and says of none that it was the one.
owners as (
    select
        asked.phone,
        asked.call_date,
        min(identity.customer_id) as customer_id
    from asked
    inner join phones
        on
            asked.phone = phones.phone
            and asked.call_date >= phones.valid_from
            and asked.call_date < coalesce(phones.valid_to, date '9999-12-31')
    inner join identity on phones.customer_source_id = identity.customer_source_id
    group by
        asked.phone,
        asked.call_date
    having count(distinct identity.customer_id) = 1
),

final as (
    select
        calls.call_id,
        owners.customer_id
    from calls
    inner join owners
        on
            calls.phone = owners.phone
            and calls.call_date = owners.call_date
)

select * from final
