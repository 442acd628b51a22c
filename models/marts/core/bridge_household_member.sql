-- One row per household and customer who belongs to it.
with

members as (
    select * from {{ ref('int_household__member') }}
),

final as (
    select
        household_id,
        customer_id,
        household_rule,
        valid_from,
        cast(null as date) as valid_to
    from members
)

select * from final
