-- One row per customer record of a branch system, as last delivered.
with

customers as (
    {{ latest_delivery(source('branch', 'customers'), ['customer_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'customer_key']) }} as customer_source_id,
        {{ reference_key('area_system', 'area_key') }} as area_id,
        {{ reference_key('branch_system', 'branch_key') }} as branch_id,
        {{ reference_key('manager_system', 'manager_key') }} as manager_id,
        source_system as customer_system,
        customer_key,
        party_type as party_type_code,
        {{ clean_text('customer_name') }} as customer_name,
        sex as sex_code,
        birth_date,
        birth_calendar,
        {{ clean_text('phone') }} as phone,
        lower({{ clean_text('email') }}) as email,
        {{ clean_text('address') }} as address,
        {{ clean_text('occupation') }} as occupation,
        {{ clean_text('income_band') }} as income_band,
        acquisition_channel as acquisition_channel_code,
        registered_date,
        delivery_date,
        batch_id
    from customers
)

select * from final
