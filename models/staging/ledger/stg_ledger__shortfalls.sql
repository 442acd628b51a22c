-- One row per delivery that is overdue or refused.
with

shortfalls as (
    select * from {{ source('ledger', 'shortfalls') }}
),

final as (
    select
        source_system,
        feed,
        delivery_date,
        kind,
        is_required
    from shortfalls
)

select * from final
