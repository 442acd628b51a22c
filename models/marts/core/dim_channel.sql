-- One row per channel.
with

channels as (
    select * from {{ ref('channels') }}
),

final as (
    select
        channel_code,
        channel_label
    from channels
)

select * from final
