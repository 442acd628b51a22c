"""Writes what the gate let through: raw rows, quarantine, gate results and ledger lines, in one transaction.

The conservation law is kept here: read = loaded + quarantined + duplicate + unchanged + blocked, per batch, and every
row is in exactly one of them. The ledger's own table refuses a line that breaks it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.connections import connected, identifier, insert_rows, literal
from pipelines.contracts import Feed
from pipelines.ledger import COUNTS
from pipelines.settings import Settings
from pipelines.sources.deliveries import Delivery


@dataclass(frozen=True)
class LoadResult:
    """What loading a feed came to: counts over the batches that were loaded now, and what failed.

    `failures` counts rows per rule; `refused` holds one reason per refused batch.
    """

    feed: str
    batches: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    failures: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


_BUCKETS = """
create temp table buckets as
select
    numbered.batch_id,
    numbered.row_number,
    case
        when numbered.is_duplicate then 'duplicate'
        when held.row_number is not null then 'quarantined'
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


def write_gated(settings: Settings, gate_file: Path, feed: Feed, deliveries: list[Delivery], run_id: str) -> LoadResult:
    """Write raw rows, quarantine, gate results and ledger lines in one transaction."""
    raw = identifier("raw", feed.name)
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(f"attach {literal(gate_file)} as gate (read_only)")
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
            anti join (from buckets where bucket <> 'loaded') as others
                on numbered.batch_id = others.batch_id and numbered.row_number = others.row_number
            """
        )
        _write_ledger(warehouse, feed, run_id)
        remember_files(warehouse, [delivery for delivery in deliveries if not delivery.is_archived])
        result = _result(warehouse, feed)
        warehouse.execute("commit")
    return result


def _mark_unchanged(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Move snapshot rows that equal the last snapshot's row of their key from loaded to unchanged."""
    keys = ", ".join(identifier(name) for name in feed.key)
    numbered_keys = ", ".join(f"numbered.{identifier(name)}" for name in feed.key)
    warehouse.execute(
        f"""
        update buckets set bucket = 'unchanged'
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
                where buckets.bucket = 'loaded'
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
        insert into ledger.loads
        with counted as (
            select
                batch_id,
                count(*) as rows_read,
                count(*) filter (bucket = 'loaded') as rows_loaded,
                count(*) filter (bucket = 'quarantined') as rows_quarantined,
                count(*) filter (bucket = 'duplicate') as rows_duplicate,
                count(*) filter (bucket = 'unchanged') as rows_unchanged
            from buckets
            group by batch_id
        )
        select
            (select coalesce(max(load_number), 0) from ledger.loads)
            + row_number() over (order by batches.delivery_date, batches.batch_id),
            batches.batch_id,
            batches.source_system,
            $feed,
            batches.delivery_date,
            batches.part,
            batches.file,
            batches.file_hash,
            batches.reading_hash,
            batches.fault,
            coalesce(counted.rows_read, 0),
            coalesce(counted.rows_loaded, 0),
            coalesce(counted.rows_quarantined, 0),
            coalesce(counted.rows_duplicate, 0),
            coalesce(counted.rows_unchanged, 0),
            0,
            if(reasons.batch_id is null, 'loaded', 'refused'),
            reasons.reason,
            true,
            null,
            $run_id,
            $loaded_at,
        from gate.batches as batches
        left join counted on batches.batch_id = counted.batch_id
        left join gate.reasons as reasons on batches.batch_id = reasons.batch_id
        """,
        {"feed": feed.name, "run_id": run_id, "loaded_at": datetime.now(UTC).replace(tzinfo=None)},
    )
    warehouse.execute(
        """
        insert into quarantine.rows
        select ?, numbered.batch_id, numbered.row_number,
            held.reasons, held.record
        from gate.numbered as numbered
        inner join buckets on numbered.batch_id = buckets.batch_id and numbered.row_number = buckets.row_number
        inner join gate.held as held
            on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
        where buckets.bucket = 'quarantined'
        """,
        [feed.name],
    )
    warehouse.execute(
        """
        insert into ledger.gate_results
        with failed as (
            select batch_id, rule, severity, count(*) as rows_failed from gate.failures group by all
            union all
            select batch_id, rule, 'critical', 1 from gate.refusals
        ), judged as (
            select batch_id, rule, severity from gate.batches, gate.rules
            union
            select batch_id, rule, severity from failed
        )
        select batch_id, ?, rule, severity, if(rows_failed is null, 'pass', 'fail'), coalesce(rows_failed, 0)
        from judged
        left join failed using (batch_id, rule, severity)
        """,
        [feed.name],
    )


def _result(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> LoadResult:
    sums = ", ".join(f"sum(rows_{count})::bigint" for count in COUNTS)
    row = warehouse.execute(
        f"select count(*), {sums} from ledger.loads "
        "where is_current and batch_id in (select batch_id from gate.batches)"
    ).fetchone()
    assert row is not None
    failures = warehouse.execute(
        "select expectation, sum(rows_failed)::bigint from ledger.gate_results "
        "where verdict = 'fail' and batch_id in (select batch_id from gate.batches) "
        "group by expectation order by 2 desc"
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
        dict(failures),
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
