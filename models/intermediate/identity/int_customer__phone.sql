-- One row per customer and telephone number, as its source records now stand.
with

customers as (
    select
        customer_source_id,
        {{ plain_phone('phone') }} as phone
    from {{ ref('stg_branch__customers') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

final as (
    select distinct
        identity.customer_id,
        customers.phone
    from customers
    inner join identity on customers.customer_source_id = identity.customer_source_id
    where customers.phone is not null
)

select * from final
