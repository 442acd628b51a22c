"""Writes what the gate let through: raw rows, quarantine, gate results and ledger lines, in one transaction.

The conservation law is kept here: read = loaded + quarantined + duplicate + unchanged + blocked, per batch, and every
row is in exactly one of them. The ledger's own table refuses a line that breaks it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipelines.archive.manifest import Manifest, earlier_arrivals, next_sequence, write_manifests
from pipelines.connections import attached, identifier, insert_rows
from pipelines.contracts import Feed
from pipelines.ledger.loads import COUNTS
from pipelines.loading.ledger_lines import write_ledger
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


# The rows that are not simply loaded, few as a rule, and where they belong. A fixed row stays counted as quarantined,
# which it was when it came, and is loaded beside that; where it repeats another row of its batch or of the snapshot
# before, there is nothing to load.
_SET_ASIDE = """
create temp table set_aside as
select
    numbered.batch_id,
    numbered.row_number,
    case
        when numbered.is_duplicate and numbered.decision is null then 'duplicate'
        when held.row_number is not null or numbered.decision = 'discard' then 'quarantined'
        when numbered.is_duplicate then 'repeated'
        else 'fixed'
    end as bucket
from gate.numbered as numbered
left join gate.held as held on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
where numbered.is_duplicate or numbered.decision is not null or held.row_number is not null
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
        warehouse.execute(_SET_ASIDE)
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
            _set_unchanged_aside(warehouse, feed)
        columns = ", ".join(f"numbered.{identifier(name)}" for name in feed.raw_columns())
        warehouse.execute(
            f"""
            insert into {raw} by name
            select {columns}
            from gate.numbered as numbered
            anti join (from set_aside where bucket <> 'fixed') as others
                on numbered.batch_id = others.batch_id and numbered.row_number = others.row_number
            """
        )
        write_ledger(warehouse, feed, run_id)
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
                (*earlier_arrivals(settings, delivery.source.feed, delivery.batch_id), sequence),
            )
        )
    return manifests


def _set_unchanged_aside(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Set the snapshot rows aside that equal the last snapshot's row of their key."""
    keys = ", ".join(identifier(name) for name in feed.key)
    numbered_keys = ", ".join(f"numbered.{identifier(name)}" for name in feed.key)
    warehouse.execute(
        f"""
        create temp table same as
        with known as (
            select source_system, {keys}, delivery_date, batch_id, row_number, row_hash
            from {identifier("raw", feed.name)}
            union all
            select numbered.source_system, {numbered_keys}, numbered.delivery_date, numbered.batch_id,
                numbered.row_number, numbered.row_hash
            from gate.numbered as numbered
            anti join (from set_aside where bucket <> 'fixed') as others
                on numbered.batch_id = others.batch_id and numbered.row_number = others.row_number
        )
        select batch_id, row_number
        from known
        qualify row_hash = lag(row_hash) over (
            partition by source_system, {keys} order by delivery_date, batch_id, row_number
        );
        update set_aside set bucket = 'repeated'
        from same
        where set_aside.batch_id = same.batch_id and set_aside.row_number = same.row_number;
        insert into set_aside
        select batch_id, row_number, 'unchanged'
        from same
        where batch_id in (select batch_id from gate.batches)
            and (batch_id, row_number) not in (select (batch_id, row_number) from set_aside);
        """
    )


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
        "insert or replace into ledger.files by name from rows",
        ("feed", "source_system", "path", "size", "modified_nanoseconds", "batch_id"),
        [
            (d.source.feed, d.source.source_system, str(d.path), d.size, d.modified_nanoseconds, d.batch_id)
            for d in deliveries
        ],
    )
