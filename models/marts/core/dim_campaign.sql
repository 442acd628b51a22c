-- One row per campaign.
with

campaigns as (
    select * from {{ ref('stg_campaign__campaigns') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

members as (
    {{ unknown_members() }}
),

known as (
    select
        campaigns.campaign_id,
        -- A campaign need not offer a product.
        case
            when campaigns.product_id is null then '-2'
            else coalesce(products.product_id, '-1')
        end as product_id,
        coalesce(campaigns.channel_code, '-1') as channel_code,
        campaigns.source_system,
        campaigns.campaign_key,
        campaigns.campaign_name,
        coalesce(campaigns.campaign_type, 'unknown') as campaign_type,
        coalesce(campaigns.purpose_code, 'unknown') as purpose_code,
        campaigns.response_window_days,
        campaigns.start_date,
        campaigns.end_date
    from campaigns
    left join products on campaigns.product_id = products.product_id
),

with_members as (
    select * from known
    union all
    select
        member_id as campaign_id,
        member_id as product_id,
        member_id as channel_code,
        member_code as source_system,
        member_id as campaign_key,
        member_label as campaign_name,
        member_code as campaign_type,
        member_code as purpose_code,
        null as response_window_days,
        null as start_date,
        null as end_date
    from members
),

final as (
    select
        campaign_id,
        product_id,
        channel_code,
        source_system,
        campaign_key,
        campaign_name,
        campaign_type,
        purpose_code,
        {{ code_label('purpose_code') }} as purpose_label,
        response_window_days,
        start_date,
        end_date
    from with_members
)

select * from final
