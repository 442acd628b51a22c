-- One row per batch, suite and expectation, as the batch was judged last.
with

gate_results as (
    select * from {{ source('ledger', 'gate_results') }}
),

final as (
    select
        batch_id,
        feed,
        suite,
        expectation,
        severity,
        verdict,
        rows_failed,
        observed,
        limit_value
    from gate_results
)

select * from final
