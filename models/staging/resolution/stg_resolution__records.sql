-- One row per source customer record: the normalised address it is last known under.
with

records as (
    select * from {{ source('resolution', 'records') }}
),

final as (
    select
        record_id as customer_source_id,
        party_type as party_type_code,
        region_code,
        town,
        street,
        house_number,
        has_unit
    from records
)

select * from final
