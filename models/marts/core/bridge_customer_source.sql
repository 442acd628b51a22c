-- One row per source customer record and interval in which it was the customer's.
with

identity as (
    select * from {{ ref('int_customer__identity') }}
),

deliveries as (
    select * from {{ ref('base_branch__customers') }}
),

first_deliveries as (
    select
        customer_source_id,
        min(delivery_date) as first_delivery_date
    from deliveries
    group by customer_source_id
),

final as (
    select
        identity.customer_source_id,
        identity.customer_id,
        identity.customer_system as source_system,
        identity.customer_key as source_key,
        identity.identity_rule,
        first_deliveries.first_delivery_date as valid_from,
        cast(null as date) as valid_to
    from identity
    inner join first_deliveries on identity.customer_source_id = first_deliveries.customer_source_id
)

select * from final
