-- One row per branch, agency or customer centre.
with

branches as (
    select * from {{ ref('stg_branch__branches') }}
),

areas as (
    select * from {{ ref('stg_demographics__areas') }}
),

members as (
    {{ unknown_members() }}
),

known as (
    select
        branches.branch_id,
        branches.source_system,
        branches.branch_key,
        branches.branch_name,
        coalesce(branches.branch_type_code, 'unknown') as branch_type_code,
        areas.province,
        areas.district,
        branches.opened_date,
        branches.closed_date
    from branches
    left join areas on branches.area_id = areas.area_id
),

with_members as (
    select * from known
    union all
    select
        member_id as branch_id,
        member_code as source_system,
        member_id as branch_key,
        member_label as branch_name,
        member_code as branch_type_code,
        null as province,
        null as district,
        null as opened_date,
        null as closed_date
    from members
),

final as (
    select
        branch_id,
        source_system,
        branch_key,
        branch_name,
        branch_type_code,
        {{ code_label('branch_type_code') }} as branch_type_label,
        province,
        district,
        opened_date,
        closed_date
    from with_members
)

select * from final
