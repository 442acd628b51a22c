-- One row per product.
with

products as (
    select * from {{ ref('stg_branch__products') }}
),

members as (
    {{ unknown_members() }}
),

known as (
    select
        products.product_id,
        case
            when products.next_product_id is null then '-2'
            else coalesce(next_products.product_id, '-1')
        end as next_product_id,
        products.source_system,
        products.product_key,
        products.product_name,
        coalesce(products.product_group, 'unknown') as product_group,
        coalesce(products.business_unit, 'unknown') as business_unit,
        products.margin_rate
    from products
    left join products as next_products on products.next_product_id = next_products.product_id
),

final as (
    select * from known
    union all
    select
        member_id as product_id,
        member_id as next_product_id,
        member_code as source_system,
        member_id as product_key,
        member_label as product_name,
        member_code as product_group,
        member_code as business_unit,
        null as margin_rate
    from members
)

select * from final
