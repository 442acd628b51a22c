-- One row per source customer record: the customer it belongs to.
with

customers as (
    select * from {{ ref('stg_branch__customers') }}
),

-- Records that share a trusted person key are one customer; a record without one stands alone.
clustered as (
    select
        customer_source_id,
        customer_system,
        customer_key,
        case when person_key is not null then 'person_key' else 'own_key' end as identity_rule,
        case
            when person_key is not null then {{ surrogate_key(["'person'", 'person_key']) }}
            else customer_source_id
        end as cluster_id
    from customers
),

final as (
    select
        customer_source_id,
        customer_system,
        customer_key,
        first_value(customer_source_id) over (
            partition by cluster_id
            order by customer_system, customer_key
        ) as customer_id,
        identity_rule
    from clustered
)

select * from final
