-- One row per product, as last delivered.
with

products as (
    {{ latest_delivery(source('branch', 'products'), ['product_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'product_key']) }} as product_id,
        {{ reference_key('next_product_system', 'next_product_key') }} as next_product_id,
        source_system,
        product_key,
        {{ clean_text('product_name') }} as product_name,
        {{ clean_text('product_group') }} as product_group,
        {{ clean_text('business_unit') }} as business_unit,
        margin_rate,
        delivery_date,
        batch_id
    from products
)

select * from final
