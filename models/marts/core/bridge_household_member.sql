-- One row per household, customer and interval in which the customer belongs to it.
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
        valid_to
    from members
)

select * from final
