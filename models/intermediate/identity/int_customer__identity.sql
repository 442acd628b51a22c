-- One row per source customer record: the customer it belongs to.
with

customers as (
    select * from {{ ref('stg_branch__customers') }}
),

assignments as (
    select * from {{ ref('stg_identity__assignments') }}
),

final as (
    select
        customers.customer_source_id,
        customers.customer_system,
        customers.customer_key,
        -- A record that identity was not resolved for stands alone.
        coalesce(assignments.customer_id, customers.customer_source_id) as customer_id,
        coalesce(assignments.identity_rule, 'own_key') as identity_rule
    from customers
    left join assignments on customers.customer_source_id = assignments.customer_source_id
)

select * from final
