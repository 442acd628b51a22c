"""Writes what the gate let through: raw rows, quarantine, gate results and ledger lines, in one transaction.

The conservation law is kept here: read = loaded + quarantined + duplicate + unchanged + blocked, per batch, and every
row is in exactly one of them. The ledger's own table refuses a line that breaks it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.connections import attached, identifier, insert_rows, literal
from pipelines.contracts import Feed
from pipelines.ledger import COUNTS
from pipelines.manifest import Manifest, next_sequence, write_manifests
from pipelines.settings import Settings
from pipelines.sources.deliveries import Delivery


@dataclass(frozen=True)
class FailedRule:
    """A rule that failed, in how many batches and rows; `observed` and `limit` are those of the last of the batches."""

    rule: str
    severity: str
    batches: int
    rows: int
    observed: str
    limit: str


@dataclass(frozen=True)
class LoadResult:
    """What loading a feed came to: counts over the batches that were loaded now, and what failed.

    `failures` has the rules that some row or batch failed; `refused` holds one reason per refused batch.
    """

    feed: str
    batches: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    failures: list[FailedRule] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


# A fixed row stays counted as quarantined, which it was when it came, and is loaded beside that; where it repeats
# another row of its batch or of the snapshot before, there is nothing to load.
_BUCKETS = """
create temp table buckets as
select
    numbered.batch_id,
    numbered.row_number,
    case
        when numbered.is_duplicate and numbered.decision is null then 'duplicate'
        when held.row_number is not null or numbered.decision = 'discard' then 'quarantined'
        when numbered.is_duplicate then 'repeated'
        when numbered.decision = 'fix' then 'fixed'
        else 'loaded'
    end as bucket
from gate.numbered as numbered
left join gate.held as held on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
"""

# A refused delivery takes the place of an earlier refusal only: what was good stays in force until better comes.
_REPLACED = """
create temp table replaced as
select loads.load_number, loads.batch_id, batches.batch_id as superseded_by
from ledger.loads as loads
inner join gate.batches as batches
    on loads.source_system = batches.source_system
    and loads.delivery_date = batches.delivery_date
    and loads.part = batches.part
where
    loads.is_current
    and loads.feed = ?
    and (
        loads.batch_id = batches.batch_id
        or loads.verdict = 'refused'
        or batches.batch_id not in (select batch_id from gate.refusals)
    )
"""


def write_gated(
    settings: Settings, gate: duckdb.DuckDBPyConnection, feed: Feed, deliveries: list[Delivery], run_id: str
) -> LoadResult:
    """Write raw rows, quarantine, gate results and ledger lines in one transaction."""
    raw = identifier("raw", feed.name)
    with attached(gate, settings) as warehouse:
        warehouse.execute(_BUCKETS)
        warehouse.execute("begin transaction")
        warehouse.execute(_REPLACED, [feed.name])
        warehouse.execute(
            f"""
            delete from {raw} where batch_id in (select batch_id from replaced);
            delete from quarantine.rows where batch_id in (select batch_id from replaced);
            delete from ledger.gate_results where batch_id in (select batch_id from gate.batches);
            """
        )
        if feed.brings == "snapshot":
            _mark_unchanged(warehouse, feed)
        columns = ", ".join(f"numbered.{identifier(name)}" for name in feed.raw_columns())
        warehouse.execute(
            f"""
            insert into {raw}
            select {columns}
            from gate.numbered as numbered
            anti join (from buckets where bucket not in ('loaded', 'fixed')) as others
                on numbered.batch_id = others.batch_id and numbered.row_number = others.row_number
            """
        )
        _write_ledger(warehouse, feed, run_id)
        arrived = [delivery for delivery in deliveries if not delivery.is_archived]
        remember_files(warehouse, arrived)
        result = _result(warehouse, feed)
        write_manifests(settings, _manifests(warehouse, settings, arrived))
        warehouse.execute("commit")
    return result


def _manifests(warehouse: duckdb.DuckDBPyConnection, settings: Settings, deliveries: list[Delivery]) -> list[Manifest]:
    """What is to stand beside the archived batches of `deliveries`, which were read from their sources now."""
    if not deliveries:
        return []
    told = {
        row[0]: row[1:]
        for row in warehouse.execute(
            "select batch_id, reading_hash, fault, source_columns, values_masked from gate.batches"
        ).fetchall()
    }
    sequence = next_sequence(settings)
    manifests = []
    for delivery in deliveries:
        reading_hash, fault, source_columns, values_masked = told[delivery.batch_id]
        manifests.append(
            Manifest(
                delivery.batch_id,
                delivery.source.source_system,
                delivery.source.feed,
                delivery.delivery_date,
                delivery.part,
                str(delivery.path),
                delivery.size,
                delivery.modified_nanoseconds,
                delivery.file_hash,
                reading_hash,
                fault,
                source_columns,
                values_masked,
                sequence,
            )
        )
    return manifests


def _mark_unchanged(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Move snapshot rows that equal the last snapshot's row of their key out of those to be loaded."""
    keys = ", ".join(identifier(name) for name in feed.key)
    numbered_keys = ", ".join(f"numbered.{identifier(name)}" for name in feed.key)
    warehouse.execute(
        f"""
        update buckets set bucket = if(bucket = 'fixed', 'repeated', 'unchanged')
        from (
            with known as (
                select source_system, {keys}, delivery_date, batch_id, row_number, row_hash
                from {identifier("raw", feed.name)}
                union all
                select numbered.source_system, {numbered_keys}, numbered.delivery_date, numbered.batch_id,
                    numbered.row_number, numbered.row_hash
                from gate.numbered as numbered
                inner join buckets
                    on numbered.batch_id = buckets.batch_id and numbered.row_number = buckets.row_number
                where buckets.bucket in ('loaded', 'fixed')
            )
            select batch_id, row_number
            from known
            qualify row_hash = lag(row_hash) over (
                partition by source_system, {keys} order by delivery_date, batch_id, row_number
            )
        ) as same
        where buckets.batch_id = same.batch_id and buckets.row_number = same.row_number
        """
    )


def _write_ledger(warehouse: duckdb.DuckDBPyConnection, feed: Feed, run_id: str) -> None:
    warehouse.execute(
        """
        update ledger.loads set is_current = false, superseded_by = replaced.superseded_by
        from replaced where loads.load_number = replaced.load_number
        """
    )
    warehouse.execute(
        """
        insert into ledger.loads by name
        with counted as (
            select
                batch_id,
                count(*) as rows_read,
                count(*) filter (bucket = 'loaded') as rows_loaded,
                count(*) filter (bucket in ('quarantined', 'fixed', 'repeated')) as rows_quarantined,
                count(*) filter (bucket = 'fixed') as rows_fixed,
                count(*) filter (bucket = 'duplicate') as rows_duplicate,
                count(*) filter (bucket = 'unchanged') as rows_unchanged
            from buckets
            group by batch_id
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
            coalesce(counted.rows_read, 0) as rows_read,
            coalesce(counted.rows_loaded, 0) as rows_loaded,
            coalesce(counted.rows_quarantined, 0) as rows_quarantined,
            coalesce(counted.rows_duplicate, 0) as rows_duplicate,
            coalesce(counted.rows_unchanged, 0) as rows_unchanged,
            0 as rows_blocked,
            coalesce(counted.rows_fixed, 0) as rows_fixed,
            batches.values_masked,
            if(reasons.batch_id is null, 'loaded', 'refused') as verdict,
            reasons.reason,
            true as is_current,
            false as is_stale,
            false as is_retracted,
            $run_id as run_id,
            $loaded_at as loaded_at,
        from gate.batches as batches
        left join counted on batches.batch_id = counted.batch_id
        left join gate.reasons as reasons on batches.batch_id = reasons.batch_id
        """,
        {"feed": feed.name, "run_id": run_id, "loaded_at": datetime.now(UTC).replace(tzinfo=None)},
    )
    amount, currency = _revenue(feed)
    warehouse.execute(
        f"""
        insert into quarantine.rows by name
        select
            ? as feed,
            numbered.batch_id,
            numbered.row_number,
            if(numbered.decision = 'discard' or buckets.bucket <> 'quarantined', decided.held_for, held.reasons)
                as reasons,
            coalesce(held.record, decided.record) as record,
            {amount} as held_amount,
            {currency} as held_currency,
            case
                when numbered.decision = 'discard' then 'discarded'
                when buckets.bucket <> 'quarantined' then 'fixed'
                else 'open'
            end as status,
        from gate.numbered as numbered
        inner join buckets on numbered.batch_id = buckets.batch_id and numbered.row_number = buckets.row_number
        left join gate.held as held
            on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
        left join gate.decided as decided
            on numbered.batch_id = decided.batch_id and numbered.row_number = decided.row_number
        where buckets.bucket in ('quarantined', 'fixed', 'repeated')
        """,
        [feed.name],
    )
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


def _result(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> LoadResult:
    sums = ", ".join(f"sum(rows_{count})::bigint" for count in COUNTS)
    row = warehouse.execute(
        f"select count(*), {sums} from ledger.loads "
        "where is_current and batch_id in (select batch_id from gate.batches)"
    ).fetchone()
    assert row is not None
    failures = warehouse.execute(
        """
        select
            expectation,
            severity,
            count(*),
            sum(rows_failed)::bigint,
            arg_max(observed, batches.delivery_date),
            arg_max(limit_value, batches.delivery_date),
        from ledger.gate_results
        inner join gate.batches as batches using (batch_id)
        where verdict = 'fail'
        group by all
        order by severity, 4 desc, 1
        """
    ).fetchall()
    refused = warehouse.execute(
        "select file, reason from ledger.loads "
        "where is_current and verdict = 'refused' and batch_id in (select batch_id from gate.batches) "
        "order by delivery_date"
    ).fetchall()
    return LoadResult(
        feed.name,
        row[0],
        dict(zip(COUNTS, row[1:], strict=True)),
        [FailedRule(*row) for row in failures],
        [reason if Path(file).name in reason else f"{Path(file).name}: {reason}" for file, reason in refused],
    )


def remember_files(warehouse: duckdb.DuckDBPyConnection, deliveries: list[Delivery]) -> None:
    """Note size and time of the files read, so that they are not opened again while they stay the same."""
    insert_rows(
        warehouse,
        "insert or replace into ledger.files from rows",
        ("feed", "source_system", "path", "size", "modified_nanoseconds", "batch_id"),
        [
            (d.source.feed, d.source.source_system, str(d.path), d.size, d.modified_nanoseconds, d.batch_id)
            for d in deliveries
        ],
    )
