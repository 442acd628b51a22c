-- One row per mailed piece that came back, as last delivered.
with

returns as (
    {{ latest_delivery(source('dm', 'returns'), ['mailing_system', 'mailing_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'mailing_system', 'mailing_key']) }} as return_id,
        {{ surrogate_key(["'mailing'", 'mailing_system', 'mailing_key']) }} as mailing_id,
        source_system,
        mailing_system,
        returned_date,
        return_reason as return_reason_code,
        delivery_date,
        batch_id
    from returns
)

select * from final
