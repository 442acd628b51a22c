"""Writes what the ledger keeps of gated batches (a line with its counts, the rows held back, each rule's result) and of
what is missing.
"""

from datetime import UTC, datetime

import duckdb

from pipelines.connections import identifier, literal
from pipelines.contracts import Feed
from pipelines.loading.completeness import Completeness
from pipelines.sources.configuration import Company


def write_ledger(warehouse: duckdb.DuckDBPyConnection, feed: Feed, run_id: str) -> None:
    """Write the lines of the gated batches, within the transaction that has written their raw rows.

    Needs `replaced` (load_number, superseded_by) and `set_aside` (batch_id, row_number, bucket) beside the tables of
    the gate.
    """
    _write_loads(warehouse, feed, run_id)
    _write_quarantine(warehouse, feed)
    _write_gate_results(warehouse, feed)


def write_completeness(
    warehouse: duckdb.DuckDBPyConnection, company: Company, completeness: Completeness, now: datetime
) -> None:
    """Write the company, the complete date, what is missing, and the instant (with a zone) at which it was judged."""
    warehouse.execute("delete from ledger.company")
    warehouse.execute(
        "insert into ledger.company (time_zone, currency, complete_date, judged_at) values (?, ?, ?, ?)",
        [company.time_zone, company.currency, completeness.complete_date, now.astimezone(UTC).replace(tzinfo=None)],
    )
    warehouse.execute("delete from ledger.shortfalls")
    for fall in completeness.shortfalls:
        warehouse.execute(
            "insert into ledger.shortfalls (feed, source_system, delivery_date, kind, is_required) "
            "values (?, ?, ?, ?, ?)",
            [*fall.key, fall.is_required],
        )


def _write_loads(warehouse: duckdb.DuckDBPyConnection, feed: Feed, run_id: str) -> None:
    warehouse.execute(
        """
        update ledger.loads set is_current = false, superseded_by = replaced.superseded_by
        from replaced where loads.load_number = replaced.load_number
        """
    )
    # What was loaded is counted where it was loaded, so that the table's check of the sum can fail. Rows that are not
    # committed yet count as none in DuckDB's estimates: a semi join with the batches here would hash all of them.
    warehouse.execute(
        f"""
        insert into ledger.loads by name
        with aside as (
            select
                batch_id,
                count(*) filter (bucket in ('quarantined', 'fixed', 'repeated')) as rows_quarantined,
                count(*) filter (bucket = 'fixed') as rows_fixed,
                count(*) filter (bucket = 'duplicate') as rows_duplicate,
                count(*) filter (bucket = 'unchanged') as rows_unchanged
            from set_aside
            group by batch_id
        ), written as (
            select batch_id, count(*) as rows_written
            from {identifier("raw", feed.name)}
            where
                delivery_date between (select min(delivery_date) from gate.batches)
                and (select max(delivery_date) from gate.batches)
            group by batch_id
        ), blocked as (
            select batch_id, count(*) as rows_blocked from gate.blocked group by batch_id
        )
        select
            (select coalesce(max(load_number), 0) from ledger.loads)
            + row_number() over (order by batches.delivery_date, batches.batch_id) as load_number,
            batches.batch_id,
            batches.source_system,
            $feed as feed,
            batches.delivery_date,
            batches.part,
            batches.file,
            batches.file_hash,
            batches.reading_hash,
            batches.fault,
            batches.source_columns,
            batches.rows_read,
            coalesce(written.rows_written, 0) - coalesce(aside.rows_fixed, 0) as rows_loaded,
            coalesce(aside.rows_quarantined, 0) as rows_quarantined,
            coalesce(aside.rows_duplicate, 0) as rows_duplicate,
            coalesce(aside.rows_unchanged, 0) as rows_unchanged,
            coalesce(blocked.rows_blocked, 0) as rows_blocked,
            coalesce(aside.rows_fixed, 0) as rows_fixed,
            batches.values_masked,
            if(reasons.batch_id is null, 'loaded', 'refused') as verdict,
            reasons.reason,
            true as is_current,
            false as is_stale,
            false as is_retracted,
            $run_id as run_id,
            $loaded_at as loaded_at,
        from gate.batches as batches
        left join aside on batches.batch_id = aside.batch_id
        left join written on batches.batch_id = written.batch_id
        left join blocked on batches.batch_id = blocked.batch_id
        left join gate.reasons as reasons on batches.batch_id = reasons.batch_id
        """,
        {"feed": feed.name, "run_id": run_id, "loaded_at": datetime.now(UTC).replace(tzinfo=None)},
    )


def _write_quarantine(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    amount, currency = _revenue(feed)
    warehouse.execute(
        f"""
        insert into quarantine.rows by name
        select
            ? as feed,
            numbered.batch_id,
            numbered.row_number,
            if(numbered.decision = 'discard' or set_aside.bucket <> 'quarantined', decided.held_for, held.reasons)
                as reasons,
            coalesce(held.record, decided.record) as record,
            {amount} as held_amount,
            {currency} as held_currency,
            case
                when numbered.decision = 'discard' then 'discarded'
                when set_aside.bucket <> 'quarantined' then 'fixed'
                else 'open'
            end as status,
        from gate.numbered as numbered
        inner join set_aside on numbered.batch_id = set_aside.batch_id and numbered.row_number = set_aside.row_number
        left join gate.held as held
            on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
        left join gate.decided as decided
            on numbered.batch_id = decided.batch_id and numbered.row_number = decided.row_number
        where set_aside.bucket in ('quarantined', 'fixed', 'repeated')
        """,
        [feed.name],
    )


def _write_gate_results(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    warehouse.execute(
        """
        insert into ledger.gate_results by name
        with failed as (
            select batch_id, rule, severity, count(*) as rows_failed from gate.failures group by all
        ), judged as (
            select batch_id, rule, severity from gate.batches, gate.rules
            union
            select batch_id, rule, severity from failed
        ), results as (
            select
                judged.*,
                coalesce(failed.rows_failed, 0) as rows_failed,
                coalesce(failed.rows_failed, 0) || ' of ' || batches.rows_read || ' rows' as observed,
                '0 rows' as limit_value,
                null as suite,
            from judged
            inner join gate.batches as batches using (batch_id)
            left join failed using (batch_id, rule, severity)
            union all by name
            select batch_id, rule, severity, is_failed::bigint as rows_failed, observed, limit_value, 'batches' as suite
            from gate.batch_results
        )
        select
            batch_id,
            $feed as feed,
            coalesce(suite, $feed) as suite,
            rule as expectation,
            severity,
            if(rows_failed > 0, 'fail', 'pass') as verdict,
            rows_failed,
            observed,
            limit_value,
        from results
        """,
        {"feed": feed.name},
    )


def _revenue(feed: Feed) -> tuple[str, str]:
    """The SQL of the revenue that a row of the feed brings, and of its currency (null: the company's)."""
    if not feed.revenue:
        return "null", "null"
    conditions = [
        f"list_contains([{', '.join(map(literal, values))}], numbered.{identifier(name)})"
        for name, values in feed.revenue.when.items()
    ]
    amount = f"case when {' and '.join(conditions) or 'true'} then numbered.{identifier(feed.revenue.amount)} end"
    return amount, f"numbered.{identifier(feed.revenue.currency)}"
