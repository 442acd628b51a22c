-- One row per telephone number as the list writes it, refusal list and checked day, as last delivered.
with

refusals as (
    {{ latest_delivery(source('consent', 'refusals'), ['refusal_list', 'phone', 'checked_date']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'refusal_list', 'phone', 'checked_date']) }} as refusal_id,
        source_system,
        {{ clean_text('refusal_list') }} as refusal_list_code,
        {{ plain_phone('phone') }} as phone,
        phone like '-3:%' as is_erased,
        checked_date,
        delivery_date,
        batch_id
    from refusals
)

select * from final
