-- One row per case, from its opening to its last solution.
with

cases as (
    select * from {{ ref('stg_service__cases') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

employees as (
    select * from {{ ref('dim_employee') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

-- The instants decide where the status contradicts them; a case re-opened after its solution is open again.
judged as (
    select
        cases.*,
        coalesce(identity.customer_id, '-1') as customer_id,
        cases.solved_at is not null and coalesce(cases.reopened_at <= cases.solved_at, true) as is_solved,
        {{ business_date('cases.opened_at') }} as opened_date,
        {{ business_date('cases.assigned_at') }} as assigned_date,
        {{ business_date('cases.solved_at') }} as solved_date,
        {{ business_date('cases.reopened_at') }} as reopened_date
    from cases
    left join identity on cases.customer_source_id = identity.customer_source_id
),

final as (
    select
        judged.case_id,
        judged.customer_id,
        customers.customer_row_id,
        -- A case need not be about a product, and nobody may have it in hand yet.
        case
            when judged.product_id is null then '-2'
            else coalesce(products.product_id, '-1')
        end as product_id,
        case
            when judged.employee_id is null then '-2'
            else coalesce(employees.employee_id, '-1')
        end as employee_id,
        coalesce(judged.channel_code, '-1') as channel_code,
        judged.source_system,
        judged.case_key,
        judged.case_type_code,
        {{ code_label('judged.case_type_code') }} as case_type_label,
        coalesce(judged.reason_group_code, 'unknown') as reason_group_code,
        coalesce(judged.reason_code, 'unknown') as reason_code,
        coalesce(judged.reason_detail_code, 'unknown') as reason_detail_code,
        coalesce(judged.status_code, 'unknown') as status_code,
        {{ code_label("coalesce(judged.status_code, 'unknown')") }} as status_label,
        {{ hours_between('judged.opened_at', 'judged.assigned_at') }} as assignment_hours,
        case when judged.is_solved then {{ hours_between('judged.opened_at', 'judged.solved_at') }} end
            as solution_hours,
        case when judged.is_solved then {{ days_between('judged.opened_date', 'judged.solved_date') }} end
            as solution_days,
        case
            when not judged.is_solved
                then greatest({{ days_between('judged.opened_date', 'company.complete_date') }}, 0)
        end as open_days,
        judged.assigned_at is not null as is_assigned,
        judged.is_solved,
        judged.reopened_at is not null or coalesce(judged.status_code, '') = 'reopened' as is_reopened,
        judged.opened_date,
        judged.assigned_date,
        judged.solved_date,
        judged.reopened_date,
        judged.opened_at,
        judged.assigned_at,
        judged.solved_at,
        judged.reopened_at
    from judged
    cross join company
    left join customers
        on
            judged.customer_id = customers.customer_id
            and {{ valid_on('customers', 'judged.opened_date') }}
    left join products on judged.product_id = products.product_id
    left join employees on judged.employee_id = employees.employee_id
)

select * from final
