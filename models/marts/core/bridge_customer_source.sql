-- One row per source customer record and interval in which it was the customer's.
with

identity as (
    select * from {{ ref('int_customer__identity') }}
),

changes as (
    select * from {{ ref('stg_identity__assignment_changes') }}
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

-- A record is the first customer's from its delivery on, and another's from the day on which that was found.
placed as (
    select
        identity.customer_source_id,
        coalesce(changes.customer_id, identity.customer_id) as customer_id,
        identity.customer_system,
        identity.customer_key,
        identity.identity_rule as last_identity_rule,
        changes.identity_rule,
        changes.resolution_number,
        greatest(
            coalesce({{ business_date('changes.recorded_at') }}, first_deliveries.first_delivery_date),
            first_deliveries.first_delivery_date
        ) as valid_from
    from identity
    inner join first_deliveries on identity.customer_source_id = first_deliveries.customer_source_id
    left join changes on identity.customer_source_id = changes.customer_source_id
),

-- Of several customers on one day, the last one counts.
last_of_days as (
    select * from placed
    qualify row_number() over (
        partition by customer_source_id, valid_from
        order by resolution_number desc
    ) = 1
),

moved as (
    select * from last_of_days
    qualify lag(customer_id) over (
        partition by customer_source_id
        order by valid_from
    ) is distinct from customer_id
),

dated as (
    select
        *,
        lead(valid_from) over (
            partition by customer_source_id
            order by valid_from
        ) as valid_to
    from moved
),

final as (
    select
        customer_source_id,
        customer_id,
        customer_system as source_system,
        customer_key as source_key,
        case when valid_to is null then last_identity_rule else identity_rule end as identity_rule,
        valid_from,
        valid_to
    from dated
)

select * from final
