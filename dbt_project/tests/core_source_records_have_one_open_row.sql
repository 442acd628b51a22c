-- A source record has one open row, that of its customer of now, and its rows follow one another without gap.
with

neighbours as (
    select
        customer_source_id,
        customer_id,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by customer_source_id
            order by valid_from
        ) as next_valid_from,
        count(case when valid_to is null then 1 end) over (partition by customer_source_id) as open_count
    from {{ ref('bridge_customer_source') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
)

select
    neighbours.customer_source_id,
    neighbours.valid_from
from neighbours
left join identity on neighbours.customer_source_id = identity.customer_source_id
where
    neighbours.open_count <> 1
    or neighbours.valid_to is distinct from neighbours.next_valid_from
    or neighbours.valid_to <= neighbours.valid_from
    or (neighbours.valid_to is null and neighbours.customer_id is distinct from identity.customer_id)
