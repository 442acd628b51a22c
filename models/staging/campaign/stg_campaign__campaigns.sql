-- One row per campaign, as last delivered.
with

campaigns as (
    {{ latest_delivery(source('campaign', 'campaigns'), ['campaign_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'campaign_key']) }} as campaign_id,
        {{ reference_key('product_system', 'product_key') }} as product_id,
        source_system,
        campaign_key,
        {{ clean_text('campaign_name') }} as campaign_name,
        {{ clean_text('campaign_type') }} as campaign_type,
        purpose as purpose_code,
        channel as channel_code,
        start_date,
        end_date,
        response_window_days,
        delivery_date,
        batch_id
    from campaigns
)

select * from final
