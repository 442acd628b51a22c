-- One row per household.
with

household_members as (
    select * from {{ ref('int_household__member') }}
),

customers as (
    select * from {{ ref('dim_customer_current') }}
),

members as (
    {{ unknown_members() }}
),

-- All members live at one address, so that the first one's area is the household's.
known as (
    select
        household_members.household_id,
        max(case when household_members.is_first_member then customers.province end) as province,
        max(case when household_members.is_first_member then customers.district end) as district,
        count(*) as member_count,
        min(household_members.valid_from) as valid_from
    from household_members
    inner join customers on household_members.customer_id = customers.customer_id
    group by household_members.household_id
),

final as (
    select * from known
    union all
    select
        member_id as household_id,
        null as province,
        null as district,
        0 as member_count,
        null as valid_from
    from members
)

select * from final
