-- One row per source customer record, and one for those that were erased: the customer it belongs to.
with

customers as (
    select * from {{ ref('stg_branch__customers') }}
),

assignments as (
    select * from {{ ref('stg_identity__assignments') }}
),

resolved as (
    select
        customers.customer_source_id,
        customers.customer_system,
        customers.customer_key,
        -- A record that identity was not resolved for stands alone.
        coalesce(assignments.customer_id, customers.customer_source_id) as customer_id,
        coalesce(assignments.identity_rule, 'own_key') as identity_rule
    from customers
    left join assignments on customers.customer_source_id = assignments.customer_source_id
),

-- What an erasure left of a person's facts refers to nobody but the erased member.
final as (
    select * from resolved
    union all
    select
        '-3' as customer_source_id,
        '-3' as customer_system,
        '-3' as customer_key,
        '-3' as customer_id,
        'erased' as identity_rule
)

select * from final
