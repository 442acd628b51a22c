-- One row: the company whose warehouse this is.
with

company as (
    select * from {{ source('ledger', 'company') }}
),

final as (
    select
        time_zone,
        currency,
        complete_date
    from company
)

select * from final
