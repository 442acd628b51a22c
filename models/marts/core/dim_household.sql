-- One row per household.
with

household_members as (
    select * from {{ ref('int_household__member') }}
),

areas as (
    select * from {{ ref('stg_demographics__areas') }}
),

members as (
    {{ unknown_members() }}
),

-- All members live at one address, so that the first one's area is the household's.
known as (
    select
        household_members.household_id,
        max(case when household_members.is_first_member then areas.province end) as province,
        max(case when household_members.is_first_member then areas.district end) as district,
        cast(sum(case when household_members.valid_to is null then 1 else 0 end) as bigint) as member_count,
        min(household_members.valid_from) as valid_from,
        nullif(
            max(coalesce(household_members.valid_to, date '9999-12-31')),
            date '9999-12-31'
        ) as valid_to
    from household_members
    left join areas on household_members.area_id = areas.area_id
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
        null as valid_from,
        null as valid_to
    from members
)

select * from final
