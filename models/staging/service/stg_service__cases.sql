-- One row per case, as last delivered.
with

cases as (
    {{ latest_delivery(source('service', 'cases'), ['case_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'case_key']) }} as case_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('product_system', 'product_key') }} as product_id,
        {{ reference_key('employee_system', 'employee_key') }} as employee_id,
        source_system,
        case_key,
        {{ clean_text('phone') }} as phone,
        case_type as case_type_code,
        channel as channel_code,
        {{ clean_text('reason_group') }} as reason_group_code,
        {{ clean_text('reason') }} as reason_code,
        {{ clean_text('reason_detail') }} as reason_detail_code,
        status as status_code,
        {{ clean_text('case_text') }} as case_text,
        opened_at,
        assigned_at,
        solved_at,
        reopened_at,
        delivery_date,
        batch_id
    from cases
)

select * from final
