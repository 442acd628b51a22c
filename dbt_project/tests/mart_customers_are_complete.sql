-- Both marts hold every known customer, and nobody else.
with

customers as (
    select customer_id from {{ ref('dim_customer_current') }}
    where customer_id not in ('-1', '-2', '-3')
),

marts as (
    select
        'mart_rfm' as mart,
        customer_id
    from {{ ref('mart_rfm') }}
    union all
    select
        'mart_lifetime_value' as mart,
        customer_id
    from {{ ref('mart_lifetime_value') }}
),

expected as (
    select
        'mart_rfm' as mart,
        customer_id
    from customers
    union all
    select
        'mart_lifetime_value' as mart,
        customer_id
    from customers
)

select
    coalesce(expected.mart, marts.mart) as mart,
    coalesce(expected.customer_id, marts.customer_id) as customer_id
from expected
full outer join marts
    on expected.mart = marts.mart and expected.customer_id = marts.customer_id
where expected.customer_id is null or marts.customer_id is null
