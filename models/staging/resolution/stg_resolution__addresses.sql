-- One row per address as it is written: its parts.
with

addresses as (
    select * from {{ source('resolution', 'addresses') }}
),

final as (
    select
        address,
        district,
        town,
        street,
        house_number,
        has_unit
    from addresses
)

select * from final
