-- One row per branch, agency or customer centre, as last delivered.
with

branches as (
    {{ latest_delivery(source('branch', 'branches'), ['branch_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'branch_key']) }} as branch_id,
        {{ reference_key('area_system', 'area_key') }} as area_id,
        source_system,
        branch_key,
        {{ clean_text('branch_name') }} as branch_name,
        branch_type as branch_type_code,
        opened_date,
        closed_date,
        delivery_date,
        batch_id
    from branches
)

select * from final
