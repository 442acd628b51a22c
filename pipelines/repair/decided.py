"""Repairs: what is decided about rows in quarantine and about whole deliveries, and the loads that make it true.

A decision is committed, together with the mark that its batch is stale, and copied out before anything is loaded: where
the load is interrupted, the next run finds the mark.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import duckdb

from pipelines.archive.manifest import Manifest, next_sequence, read_manifest, write_manifests
from pipelines.connections import connected, identifier, insert_rows
from pipelines.contracts import Feed, feeds
from pipelines.errors import UsageError
from pipelines.ledger.decisions import Author, in_force, record
from pipelines.ledger.export import export_state
from pipelines.ledger.loads import Load, current_loads
from pipelines.ledger.prunings import closed_before
from pipelines.loading.feed import load_stale
from pipelines.repair.quarantine import HeldRow
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile

Progress = Callable[[str, str], None]


def decide(
    settings: Settings,
    kind: str,
    author: Author,
    rows: Sequence[HeldRow],
    contents: Sequence[tuple[str, int, str]] = (),
) -> None:
    """Record a decision about each of `rows`; a fix has its `contents` as (batch_id, row_number, JSON)."""
    by_row = {(batch_id, row_number): content for batch_id, row_number, content in contents}
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute("begin transaction")
        insert_rows(
            warehouse,
            "create temp table targets as "
            "select feed::varchar as feed, batch_id::varchar as batch_id, row_number::bigint as row_number, "
            "held_for::varchar as held_for, nullif(content::varchar, '') as content from rows",
            ("feed", "batch_id", "row_number", "held_for", "content"),
            [
                (row.feed, row.batch_id, row.row_number, row.reasons, by_row.get((row.batch_id, row.row_number), ""))
                for row in rows
            ],
        )
        record(warehouse, kind, author, "from targets")
        warehouse.execute(
            "update ledger.loads set is_stale = true where is_current and batch_id in (select batch_id from targets)"
        )
        warehouse.execute("commit")
        export_state(warehouse, settings)


def mark_stale(settings: Settings, rows: Sequence[HeldRow]) -> None:
    """Have the batches of `rows` loaded again, by the mapping and the rules of today."""
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(
            "update ledger.loads set is_stale = true where is_current and list_contains(?::varchar[], batch_id)",
            [sorted({row.batch_id for row in rows})],
        )


def load_what_is_stale(settings: Settings, sources_file: SourcesFile, run_id: str, progress: Progress) -> None:
    """Load again, from the archive, every batch that is marked, with what depends on it.

    Raises GateBrokenError where the gate could not judge; the marks then stay for the next run.
    """
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        stale = {load.feed for load in current_loads(warehouse) if load.is_stale}
    for feed in (name for name in feeds() if name in stale):
        load_stale(settings, sources_file, feed, run_id, partial(progress, feed))


def find_deliveries(settings: Settings, feed: str, day: date, system: str | None, part: str | None) -> list[Load]:
    """The lines in force of a feed's delivery date; of one system, and of one part where it is named.

    Raises UsageError where nothing is in force, the day is closed, or systems are to be told apart.
    """
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        require_open(warehouse, [feed], day)
        loads = [load for load in current_loads(warehouse, feed) if load.delivery_date == day]
    loads = [load for load in loads if system in (None, load.source_system) and part in (None, load.part)]
    if not loads:
        raise UsageError(f"no delivery of {feed} for {day} is in force", "see `crmdw status` for what is loaded")
    if len(systems := sorted({load.source_system for load in loads})) > 1:
        raise UsageError(
            f"{feed} for {day} came from {', '.join(systems)}", "say which with --system; each is a delivery of its own"
        )
    return loads


def require_open(warehouse: duckdb.DuckDBPyConnection, of_feeds: Iterable[str], day: date) -> None:
    """Raise UsageError where `day` is closed for one of the feeds: their rows were pruned, and come back no more."""
    closed = closed_before(warehouse)
    for feed in of_feeds:
        if day < closed.get(feed, date.min):
            raise UsageError(
                f"{feed} was pruned of all that was delivered before {closed[feed]}: nothing of {day} is loaded, "
                "mended or withdrawn any more",
                f"give {closed[feed]} or a later day, or another feed",
            )


def retract(settings: Settings, sources_file: SourcesFile, loads: list[Load], author: Author) -> None:
    """Take deliveries of one feed out of force: their rows leave raw and quarantine, their lines stay.

    What was compared with them, or looked them up, is marked stale, all in one transaction.
    """
    feed = feeds()[loads[0].feed]
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute("begin transaction")
        _note(warehouse, "retract", author, [(load.feed, load.batch_id, load.reason) for load in loads])
        withdraw(warehouse, sources_file, feed.name)
        warehouse.execute("commit")
        export_state(warehouse, settings)


def withdraw(warehouse: duckdb.DuckDBPyConnection, sources_file: SourcesFile, feed_name: str) -> None:
    """Take what is retracted, by the decisions in force, out of a feed's raw table, quarantine and ledger lines."""
    feed = feeds()[feed_name]
    warehouse.execute(
        f"""
        create or replace temp table withdrawn as
        select loads.load_number, loads.batch_id, loads.source_system, loads.delivery_date
        from ledger.loads as loads
        inner join ({in_force()}) as decisions on loads.batch_id = decisions.batch_id
        where loads.is_current and loads.feed = ? and decisions.row_number is null and decisions.kind = 'retract'
        """,
        [feed_name],
    )
    warehouse.execute(
        f"""
        delete from {identifier("raw", feed_name)} where batch_id in (select batch_id from withdrawn);
        delete from quarantine.rows where batch_id in (select batch_id from withdrawn);
        update ledger.loads set is_current = false, is_retracted = true
        where load_number in (select load_number from withdrawn);
        """
    )
    first = warehouse.execute("select min(delivery_date) from withdrawn").fetchone()
    _mark_dependent(warehouse, sources_file, feed, first[0] if first else None)


def _mark_dependent(
    warehouse: duckdb.DuckDBPyConnection, sources_file: SourcesFile, feed: Feed, first: date | None
) -> None:
    """Mark as stale what was compared with, or looked up in, deliveries of `feed` dated `first` or later.

    What is of a closed day is not loaded again, and stays as it is.
    """
    names = [feed.name] if feed.brings == "snapshot" else []
    names += [
        source.feed
        for source in sources_file.sources
        if any(mapping.look_up == feed.name for mapping in source.columns.values())
    ]
    if first is None:
        return
    closed = closed_before(warehouse)
    for name in dict.fromkeys(names):
        warehouse.execute(
            "update ledger.loads set is_stale = true where is_current and verdict = 'loaded' "
            "and feed = ? and delivery_date >= ?",
            [name, max(first, closed.get(name, first))],
        )


def restore(
    settings: Settings,
    sources_file: SourcesFile,
    feed: str,
    day: date,
    system: str | None,
    part: str | None,
    author: Author,
) -> list[Manifest]:
    """Undo the retraction of what was last withdrawn for a delivery date; the batches, which are then to be loaded.

    Raises UsageError where nothing was withdrawn, the day is closed, or another delivery has taken its place.
    """
    with connected(settings, settings.warehouse) as warehouse:
        require_open(warehouse, [feed], day)
        lines = warehouse.execute(
            f"""
            select loads.batch_id, loads.source_system, loads.part, loads.load_number
            from ledger.loads as loads
            inner join ({in_force()}) as decisions on loads.batch_id = decisions.batch_id
            where
                loads.is_retracted and loads.feed = $feed and loads.delivery_date = $day
                and decisions.row_number is null and decisions.kind = 'retract'
                and ($system is null or loads.source_system = $system) and ($part is null or loads.part = $part)
            qualify loads.load_number = max(loads.load_number) over (partition by loads.source_system, loads.part)
            """,
            {"feed": feed, "day": day, "system": system, "part": part},
        ).fetchall()
        if not lines:
            raise UsageError(f"no delivery of {feed} for {day} is withdrawn", "give the feed and date of one that is")
        slots = {(source_system, slot_part) for _, source_system, slot_part, _ in lines}
        taken = [
            load
            for load in current_loads(warehouse, feed)
            if load.delivery_date == day and (load.source_system, load.part) in slots and load.verdict == "loaded"
        ]
        if taken:
            raise UsageError(
                f"{taken[0].file} was loaded for {day} since",
                "withdraw that first, or leave it in force",
            )
        sequence = next_sequence(settings)
        known = [read_manifest(settings, feed, line[0]) for line in lines]
        manifests = [replace(manifest, arrivals=(*manifest.arrivals, sequence)) for manifest in known]
        batches = [manifest.batch_id for manifest in manifests]
        warehouse.execute("begin transaction")
        _note(warehouse, "restore", author, [(feed, batch_id, None) for batch_id in batches])
        # Where the load that follows is interrupted, its file is new to the next run.
        warehouse.execute("delete from ledger.files where list_contains(?::varchar[], batch_id)", [batches])
        _mark_dependent(warehouse, sources_file, feeds()[feed], day)
        write_manifests(settings, manifests)
        warehouse.execute("commit")
        export_state(warehouse, settings)
    return manifests


def _note(
    warehouse: duckdb.DuckDBPyConnection, kind: str, author: Author, batches: list[tuple[str, str, str | None]]
) -> None:
    insert_rows(
        warehouse,
        "create or replace temp table targets as select feed, batch_id, held_for::varchar as held_for from rows",
        ("feed", "batch_id", "held_for"),
        batches,
    )
    record(
        warehouse,
        kind,
        author,
        "select feed, batch_id, null::bigint as row_number, held_for, null::varchar as content from targets",
    )
