-- One row per name as it is written: what is left of it when it is compared.
with

names as (
    select * from {{ source('resolution', 'names') }}
),

final as (
    select
        name,
        plain_name
    from names
)

select * from final
