-- One row per employee, without a name.
with

employees as (
    select * from {{ ref('stg_branch__employees') }}
),

branches as (
    select * from {{ ref('dim_branch') }}
),

members as (
    {{ unknown_members() }}
),

known as (
    select
        employees.employee_id,
        coalesce(branches.branch_id, '-1') as branch_id,
        employees.source_system,
        employees.employee_key,
        coalesce(employees.role_code, 'unknown') as role_code,
        employees.hired_date,
        employees.left_date
    from employees
    left join branches on employees.branch_id = branches.branch_id
),

with_members as (
    select * from known
    union all
    select
        member_id as employee_id,
        member_id as branch_id,
        member_code as source_system,
        member_id as employee_key,
        member_code as role_code,
        null as hired_date,
        null as left_date
    from members
),

final as (
    select
        employee_id,
        branch_id,
        source_system,
        employee_key,
        role_code,
        {{ code_label('role_code') }} as role_label,
        hired_date,
        left_date
    from with_members
)

select * from final
