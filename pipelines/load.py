"""Loads one feed: lands its deliveries, archives them, gates them in one pass, and writes raw rows with the ledger.

The conservation law is kept here: read = loaded + quarantined + duplicate + unchanged + blocked, per batch, and every
row is in exactly one of them. The ledger's own table refuses a line that breaks it.
"""

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.archive import fill_records, land_from_archive, store_landing
from pipelines.connections import connected, identifier, insert_rows, literal
from pipelines.contracts import Feed, feeds
from pipelines.ledger import COUNTS, create_tables
from pipelines.settings import Settings
from pipelines.sources.configuration import Company, SourcesFile
from pipelines.sources.deliveries import Delivery, archived_deliveries, find_arrivals
from pipelines.sources.landing import land
from pipelines.sources.mapping import create_candidates, map_landing

Progress = Callable[[str], None]


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


@dataclass(frozen=True)
class DateRange:
    """Delivery dates from `first` to `last`, both included; None is open."""

    first: date | None = None
    last: date | None = None


def load_feed(
    settings: Settings,
    sources_file: SourcesFile,
    feed_name: str,
    run_id: str,
    dates: DateRange = DateRange(),
    reload: bool = False,
    progress: Progress = lambda message: None,
) -> LoadResult:
    """Load what is new or changed of a feed; with `reload`, everything dated within `dates` again.

    Raises GateBrokenError where the gate could not judge; then nothing of this feed is written.
    """
    feed = feeds()[feed_name]
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
        deliveries, touched = _work(warehouse, sources_file, feed, dates, reload)
        if touched:
            _remember_files(warehouse, touched)
    if not deliveries:
        return LoadResult(feed_name)
    gate_file = settings.scratch / f"gate-{feed_name}.duckdb"
    _remove(gate_file)
    try:
        progress(f"reading {len(deliveries)} deliveries")
        with connected(settings, gate_file) as gate:
            deliveries = _land_all(gate, settings, feed, deliveries, sources_file.company)
        if not deliveries:
            return LoadResult(feed_name)
        progress(f"gating {len(deliveries)} deliveries")
        _gate(settings, gate_file, feed)
        progress("writing")
        return _write(settings, gate_file, feed, deliveries, run_id)
    finally:
        _remove(gate_file)


def _work(
    warehouse: duckdb.DuckDBPyConnection,
    sources_file: SourcesFile,
    feed: Feed,
    dates: DateRange,
    reload: bool,
) -> tuple[list[Delivery], list[Delivery]]:
    """What is to be loaded, in order, and known content under a new name or time."""
    arrivals = find_arrivals(warehouse, sources_file, feed.name, dates.first, dates.last, reload)
    deliveries = {delivery.slot: delivery for delivery in arrivals.to_load}
    again: list[Delivery] = []
    if reload:
        # A source file that is gone is replayed from the archive.
        # What follows a snapshot is compared with it, so later ones are loaded anew too.
        last = None if feed.brings == "snapshot" else dates.last
        again = archived_deliveries(warehouse, sources_file, feed.name, dates.first, last)
    elif feed.brings == "snapshot" and deliveries:
        # What is unchanged depends on the snapshot before: a late one makes the later ones be compared anew.
        first = min(delivery.delivery_date for delivery in deliveries.values())
        again = archived_deliveries(warehouse, sources_file, feed.name, first, None)
    for delivery in again:
        deliveries.setdefault(delivery.slot, delivery)
    order = sorted(deliveries.values(), key=lambda d: (d.delivery_date, d.source.source_system, d.part))
    return order, arrivals.touched


def _land_all(
    gate: duckdb.DuckDBPyConnection,
    settings: Settings,
    feed: Feed,
    deliveries: list[Delivery],
    company: Company,
) -> list[Delivery]:
    """Fill `batches` and `candidates`; returns the deliveries whose files stayed as they were while they were read."""
    gate.execute(
        "create table batches (batch_id varchar, row_number bigint, source_system varchar, delivery_date date, "
        "part varchar, file varchar, file_hash varchar, tolerance double, rows_read bigint, "
        "rows_quarantined bigint, fault varchar)"
    )
    create_candidates(gate, feed)
    landed: list[Delivery] = []
    # Grouped by identity: sources hold dictionaries and cannot be hashed.
    order = sorted(deliveries, key=lambda delivery: (id(delivery.source), delivery.is_archived))
    for (_, is_archived), group in groupby(order, key=lambda delivery: (id(delivery.source), delivery.is_archived)):
        together = list(group)
        source = together[0].source
        if is_archived:
            land_from_archive(gate, settings, feed.name, [delivery.batch_id for delivery in together])
            faults: dict[str, str] = {}
        else:
            faults = land(gate, source, together)
            changed = [delivery.batch_id for delivery in together if not delivery.is_unchanged()]
            gate.execute("delete from landing where list_contains(?::varchar[], batch_id)", [changed])
            together = [delivery for delivery in together if delivery.batch_id not in changed]
            store_landing(gate, settings, feed.name)
        insert_rows(
            gate,
            "insert into batches by name select *, 0 as row_number, 0 as rows_read, 0 as rows_quarantined from rows",
            ("batch_id", "source_system", "delivery_date", "part", "file", "file_hash", "tolerance", "fault"),
            [
                (*_slot_columns(delivery), delivery.file_hash, feed.tolerance, faults.get(delivery.batch_id))
                for delivery in together
            ],
        )
        map_landing(gate, source, company, settings)
        landed += together
    gate.execute("drop table if exists landing")
    gate.execute(
        """
        alter table candidates rename to numbered;
        alter table numbered add column is_duplicate boolean default false;
        -- Numbering rows within their equals would sort every column of every row; few rows have an equal.
        update numbered set is_duplicate = true
        from (
            select batch_id, row_hash, min(row_number) as first_row_number
            from numbered
            where unparsed is null
            group by batch_id, row_hash
            having count(*) > 1
        ) as repeated
        where
            numbered.unparsed is null
            and numbered.batch_id = repeated.batch_id
            and numbered.row_hash = repeated.row_hash
            and numbered.row_number > repeated.first_row_number;
        create view gate_rows as from numbered where not is_duplicate and unparsed is null;
        update batches set rows_read = counted.rows_read
        from (select batch_id, count(*) as rows_read from numbered group by batch_id) as counted
        where batches.batch_id = counted.batch_id;
        """
    )
    return landed


def _gate(settings: Settings, gate_file: Path, feed: Feed) -> None:
    """Fill `failures` (batch_id, row_number, rule, severity) and `held` (the rows to quarantine, with reasons)."""
    from pipelines.gate.engine import judge  # noqa: PLC0415 (importing Great Expectations takes seconds)

    suite = importlib.import_module(f"expectations.{feed.name}").SUITE
    # Nothing else has the file open while Great Expectations reads it through its own connection.
    judgements = judge(gate_file, "gate_rows", suite)
    with connected(settings, gate_file) as gate:
        gate.execute("create table rules (rule varchar, severity varchar)")
        insert_rows(
            gate,
            "insert into rules from rows",
            ("rule", "severity"),
            [(judgement.rule, judgement.severity) for judgement in judgements],
        )
        gate.execute(
            "create table failures as select batch_id, row_number, 'unparsable line: ' || unparsed as rule, "
            "'critical' as severity from numbered where unparsed is not null"
        )
        for judgement in judgements:
            if judgement.failing_rows:
                gate.execute(
                    "insert into failures select batch_id, row_number, ?, ? "
                    f"from ({judgement.failing_rows}) as failing",
                    [judgement.rule, judgement.severity],
                )
        gate.execute(
            """
            create table held as
            select
                failures.batch_id,
                failures.row_number,
                string_agg(
                    failures.rule || case when failures.rule = 'every value has its type'
                        then ' (' || numbered.unreadable_columns || ')' else '' end,
                    '; ' order by failures.rule
                ) as reasons,
                any_value(numbered.record) as record,
            from failures
            inner join numbered
                on failures.batch_id = numbered.batch_id and failures.row_number = numbered.row_number
            where failures.severity = 'critical'
            group by failures.batch_id, failures.row_number;
            update batches set rows_quarantined = counted.rows_quarantined
            from (select batch_id, count(*) as rows_quarantined from held group by batch_id) as counted
            where batches.batch_id = counted.batch_id;
            """
        )
        fill_records(gate, settings, feed.name, "held")
    batch_suite = importlib.import_module("expectations.batches").SUITE
    batch_judgements = judge(gate_file, "batches", batch_suite)
    with connected(settings, gate_file) as gate:
        gate.execute("create table refusals (batch_id varchar, rule varchar)")
        for judgement in batch_judgements:
            gate.execute("insert into rules values (?, ?)", [judgement.rule, judgement.severity])
            if judgement.failing_rows:
                gate.execute(
                    f"insert into refusals select batch_id, ? from ({judgement.failing_rows}) as failing",
                    [judgement.rule],
                )


_BUCKETS = """
create temp table buckets as
with judged as (
    select
        numbered.batch_id,
        numbered.row_number,
        case
            when numbered.is_duplicate then 'duplicate'
            when held.row_number is not null or refused.batch_id is not null then 'quarantined'
            else 'loaded'
        end as bucket
    from gate.numbered as numbered
    left join gate.held as held on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
    left join (select distinct batch_id from gate.refusals) as refused on numbered.batch_id = refused.batch_id
)
select batch_id, row_number, bucket from judged
"""


def _write(settings: Settings, gate_file: Path, feed: Feed, deliveries: list[Delivery], run_id: str) -> LoadResult:
    """Write raw rows, quarantine, gate results and ledger lines in one transaction."""
    raw = identifier("raw", feed.name)
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(f"attach {literal(gate_file)} as gate (read_only)")
        warehouse.execute(_BUCKETS)
        warehouse.execute("begin transaction")
        warehouse.execute(
            """
            create temp table replaced as
            select loads.batch_id, batches.batch_id as superseded_by
            from ledger.loads as loads
            inner join gate.batches as batches
                on loads.source_system = batches.source_system
                and loads.delivery_date = batches.delivery_date
                and loads.part = batches.part
            where loads.is_current and loads.feed = ?
            """,
            [feed.name],
        )
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
        _remember_files(warehouse, [delivery for delivery in deliveries if not delivery.is_archived])
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
        from replaced where loads.batch_id = replaced.batch_id;
        delete from ledger.loads where batch_id in (select batch_id from gate.batches);
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
        ), refused as (
            select batch_id, string_agg(rule, '; ' order by rule) as rules from gate.refusals group by batch_id
        )
        select
            batches.batch_id,
            batches.source_system,
            $feed,
            batches.delivery_date,
            batches.part,
            batches.file,
            batches.file_hash,
            coalesce(counted.rows_read, 0),
            coalesce(counted.rows_loaded, 0),
            coalesce(counted.rows_quarantined, 0),
            coalesce(counted.rows_duplicate, 0),
            coalesce(counted.rows_unchanged, 0),
            0,
            if(refused.batch_id is null, 'loaded', 'refused'),
            coalesce(batches.fault, if(refused.batch_id is null, null,
                refused.rules || ': ' || batches.rows_quarantined || ' of ' || batches.rows_read || ' rows')),
            true,
            null,
            $run_id,
            $loaded_at,
        from gate.batches as batches
        left join counted on batches.batch_id = counted.batch_id
        left join refused on batches.batch_id = refused.batch_id
        """,
        {"feed": feed.name, "run_id": run_id, "loaded_at": datetime.now(UTC).replace(tzinfo=None)},
    )
    warehouse.execute(
        """
        insert into quarantine.rows
        select ?, numbered.batch_id, numbered.row_number,
            coalesce(held.reasons, 'the whole batch was refused'), coalesce(held.record, numbered.record)
        from gate.numbered as numbered
        inner join buckets on numbered.batch_id = buckets.batch_id and numbered.row_number = buckets.row_number
        left join gate.held as held
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
        f"select count(*), {sums} from ledger.loads where batch_id in (select batch_id from gate.batches)"
    ).fetchone()
    assert row is not None
    failures = warehouse.execute(
        "select expectation, sum(rows_failed)::bigint from ledger.gate_results "
        "where verdict = 'fail' and batch_id in (select batch_id from gate.batches) "
        "group by expectation order by 2 desc"
    ).fetchall()
    refused = warehouse.execute(
        "select file, reason from ledger.loads "
        "where verdict = 'refused' and batch_id in (select batch_id from gate.batches) order by delivery_date"
    ).fetchall()
    return LoadResult(
        feed.name,
        row[0],
        dict(zip(COUNTS, row[1:], strict=True)),
        dict(failures),
        [reason if Path(file).name in reason else f"{Path(file).name}: {reason}" for file, reason in refused],
    )


def _slot_columns(delivery: Delivery) -> tuple[str, str, date, str, str]:
    return (
        delivery.batch_id,
        delivery.source.source_system,
        delivery.delivery_date,
        delivery.part,
        str(delivery.path),
    )


def _remember_files(warehouse: duckdb.DuckDBPyConnection, deliveries: list[Delivery]) -> None:
    insert_rows(
        warehouse,
        "insert or replace into ledger.files from rows",
        ("feed", "source_system", "path", "size", "modified_nanoseconds", "batch_id"),
        [
            (d.source.feed, d.source.source_system, str(d.path), d.size, d.modified_nanoseconds, d.batch_id)
            for d in deliveries
        ],
    )


def _remove(database: Path) -> None:
    for path in (database, database.with_name(database.name + ".wal")):
        with suppress(FileNotFoundError):
            path.unlink()
