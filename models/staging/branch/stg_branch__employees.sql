-- One row per employee, as last delivered.
with

employees as (
    {{ latest_delivery(source('branch', 'employees'), ['employee_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'employee_key']) }} as employee_id,
        {{ reference_key('branch_system', 'branch_key') }} as branch_id,
        source_system,
        employee_key,
        {{ clean_text('employee_name') }} as employee_name,
        role as role_code,
        hired_date,
        left_date,
        delivery_date,
        batch_id
    from employees
)

select * from final
