-- One row per batch that was pruned by age: of raw rows, of its archive, or of both.
with

pruned_batches as (
    select * from {{ source('ledger', 'pruned_batches') }}
),

final as (
    select
        batch_id,
        feed,
        delivered_before,
        rows_pruned
    from pruned_batches
)

select * from final
