-- One row per source customer record, telephone number and interval in which it was the record's.
with

phones as (
    select * from {{ source('resolution', 'phones') }}
),

final as (
    select
        record_id as customer_source_id,
        phone,
        valid_from,
        valid_to
    from phones
)

select * from final
