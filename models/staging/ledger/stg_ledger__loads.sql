-- One row per load of a batch; a batch that was loaded again has several, of which one is current.
with

loads as (
    select * from {{ source('ledger', 'loads') }}
),

final as (
    select
        load_number,
        batch_id,
        source_system,
        feed,
        delivery_date,
        rows_read,
        rows_loaded,
        rows_quarantined,
        rows_duplicate,
        rows_unchanged,
        rows_blocked,
        rows_fixed,
        verdict,
        is_current
    from loads
)

select * from final
