-- One row per source customer record and customer that it was assigned to in turn.
with

assignments as (
    select * from {{ source('identity', 'assignments') }}
),

events as (
    select
        resolution_number,
        max(recorded_at) as recorded_at
    from {{ source('identity', 'events') }}
    group by resolution_number
),

followed as (
    select
        *,
        lag(customer_id) over (
            partition by record_id
            order by resolution_number
        ) as earlier_customer_id
    from assignments
),

-- Whatever takes a record from one customer to another is an event; to come for the first time is none.
final as (
    select
        followed.record_id as customer_source_id,
        followed.customer_id,
        followed.rule as identity_rule,
        followed.resolution_number,
        case when followed.earlier_customer_id is not null then events.recorded_at end as recorded_at
    from followed
    left join events on followed.resolution_number = events.resolution_number
    where followed.customer_id is distinct from followed.earlier_customer_id
)

select * from final
