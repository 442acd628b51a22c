-- A customer belongs to one household at a time, and a household that lasts has two to eight members.
with

members as (
    select
        customer_id,
        household_id,
        valid_from,
        valid_to,
        lag(coalesce(valid_to, date '9999-12-31')) over (
            partition by customer_id
            order by valid_from
        ) as earlier_valid_to
    from {{ ref('bridge_household_member') }}
)

select
    customer_id,
    household_id
from members
where
    valid_from < earlier_valid_to
    or valid_to <= valid_from
union all
select
    null as customer_id,
    household_id
from {{ ref('dim_household') }}
where
    household_id not in ('-1', '-2')
    and (
        (valid_to is null and member_count not between 2 and 8)
        or (valid_to is not null and member_count <> 0)
    )
