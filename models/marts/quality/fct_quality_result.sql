-- One row per batch in force, suite and expectation: what the gate observed, and the limit.
with

gate_results as (
    select * from {{ ref('stg_ledger__gate_results') }}
),

loads as (
    select
        batch_id,
        source_system,
        feed,
        delivery_date
    from {{ ref('stg_ledger__loads') }}
    where is_current
),

final as (
    select
        {{ surrogate_key(['gate_results.batch_id', 'gate_results.suite', 'gate_results.expectation']) }}
            as quality_result_id,
        gate_results.batch_id,
        loads.source_system,
        loads.feed,
        gate_results.suite as suite_name,
        gate_results.expectation as expectation_text,
        gate_results.severity,
        gate_results.verdict,
        gate_results.observed as observed_text,
        gate_results.limit_value as limit_text,
        cast(case when gate_results.suite = 'batches' then 0 else gate_results.rows_failed end as bigint)
            as failed_row_count,
        cast(
            case
                when gate_results.suite <> 'batches' and gate_results.severity = 'critical'
                    then gate_results.rows_failed
                else 0
            end as bigint
        ) as held_row_count,
        loads.delivery_date
    from gate_results
    inner join loads on gate_results.batch_id = loads.batch_id
)

select * from final
