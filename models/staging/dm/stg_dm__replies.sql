-- One row per reply to a mailed piece, as last delivered.
with

replies as (
    {{ latest_delivery(source('dm', 'replies'), ['reply_key']) }}
),

final as (
    select
        -- The prefix keeps a reply apart from a campaign response of the same system and number.
        {{ surrogate_key(["'reply'", 'source_system', 'reply_key']) }} as reply_id,
        case
            when mailing_key is not null
                then {{ surrogate_key(["'mailing'", 'mailing_system', 'mailing_key']) }}
        end as mailing_id,
        {{ customer_reference_key('customer_system', 'customer_key') }} as customer_source_id,
        {{ reference_key('contract_system', 'contract_key') }} as contract_id,
        {{ reference_key('transaction_system', 'transaction_key') }} as transaction_id,
        source_system,
        reply_key,
        response_type as response_type_code,
        replied_date,
        delivery_date,
        batch_id
    from replies
)

select * from final
