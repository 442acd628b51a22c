"""Raw rows and archived batches go by age, where a feed's contract says so; the ledger's lines and counts stay.

Of a feed of events everything goes that was delivered long enough ago; of any other the last state of each key stays,
however old. What goes is carried out in one transaction with the ledger and copied out before a file is removed, so
that whatever a kill leaves is found by the next pruning, and a rebuild takes the same rows again.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from pipelines.archive.manifest import batch_folder
from pipelines.connections import identifier
from pipelines.contracts import Feed, feeds
from pipelines.ledger.export import export_state
from pipelines.retention.prunable import Prunable, files_to_remove, remove_files, size_of
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile


def kept_for_look_ups(sources_file: SourcesFile) -> Iterator[tuple[str, list[str]]]:
    """The feeds that their contracts would have pruned, with those that look values up in them.

    Read again, these would find other values once rows are gone.
    """
    for name, feed in feeds().items():
        others = {
            source.feed
            for source in sources_file.sources
            if any(mapping.look_up == name for mapping in source.columns.values())
        }
        if feed.raw_days is not None and others:
            yield name, sorted(others)


def prunable_history(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, sources_file: SourcesFile, today: date
) -> Iterator[Prunable]:
    """By feed, the raw rows and the archived batches that its contract no longer keeps, and what a kill left of them.

    They are to be removed in this order, after the quarantine: what is held back still belongs to its batch. Feeds that
    others look up in are left alone.
    """
    gone = warehouse.execute("select feed, batch_id from state.pruned_loads order by all").fetchall()
    yield from files_to_remove("archived files that a pruning was stopped at", _files_of(settings, gone))
    kept = dict(kept_for_look_ups(sources_file))
    for feed in feeds().values():
        if feed.raw_days is None or feed.name in kept:
            continue
        before = today - timedelta(feed.raw_days)
        raw = identifier("raw", feed.name)
        (rows, size) = warehouse.execute(
            f"select count(*), coalesce(sum(strlen(raw::varchar)), 0)::bigint from {raw} as raw "
            f"semi join ({_old_rows(feed)}) as old using (batch_id, row_number)",
            {"before": before},
        ).fetchone() or (0, 0)
        if rows:
            yield Prunable(
                f"rows of {feed.name} in raw, delivered before {before}",
                rows,
                size,
                partial(_prune_raw, warehouse, settings, feed, before),
                _consequence(feed, before),
            )
        if feed.archive_days is not None:
            yield from _prunable_batches(warehouse, settings, feed, before, today - timedelta(feed.archive_days))


def prune_again(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Take from a warehouse that was filled anew what was pruned of the feed before, in one transaction."""
    (before,) = warehouse.execute(
        "select max(delivered_before) from state.prunings where feed = ?", [feed.name]
    ).fetchone() or (None,)
    if before is None:
        return
    warehouse.execute("begin transaction")
    _take_rows(warehouse, feed, before)
    warehouse.execute(
        "insert into ledger.pruned_batches by name "
        "select batch_id, feed, delivered_before, rows_pruned from state.pruned_loads "
        "where feed = ? and batch_id in (select batch_id from ledger.loads)",
        [feed.name],
    )
    warehouse.execute("commit")


def _consequence(feed: Feed, before: date) -> str:
    closed = "these days are closed then: nothing is loaded, mended or withdrawn for them"
    if feed.brings == "events":
        return (
            f"facts delivered before {before} leave {', '.join(feed.fills)} and the marts with the next run; {closed}"
        )
    return f"the last state of each {', '.join(feed.key)} stays, so that no fact or customer changes; {closed}"


def _old_rows(feed: Feed) -> str:
    """The query of the raw rows (batch_id, row_number) delivered before $before, but those that still say how it is."""
    old = f"select batch_id, row_number from {identifier('raw', feed.name)} where delivery_date < $before"
    if feed.brings == "events":
        return old
    companions = [one for name in feed.key if (one := feed.columns_by_name[name].companion)]
    key = ", ".join(identifier(name) for name in (*feed.key, *companions))
    return (
        f"{old} qualify row_number() over (partition by source_system, {key} "
        "order by delivery_date desc, batch_id desc, row_number desc) > 1"
    )


def _take_rows(warehouse: duckdb.DuckDBPyConnection, feed: Feed, before: date) -> None:
    """Delete the old rows of a feed and count them by batch, within the caller's transaction.

    A rebuild has held rows back again that were pruned from the quarantine; of closed days nothing can be mended.
    """
    warehouse.execute(f"create or replace temp table pruned_rows as {_old_rows(feed)}", {"before": before})
    warehouse.execute(
        """
        insert into ledger.pruned_batches by name
        select batch_id, ? as feed, ? as delivered_before, count(*) as rows_pruned from pruned_rows group by batch_id
        on conflict do update set
            delivered_before = excluded.delivered_before,
            rows_pruned = pruned_batches.rows_pruned + excluded.rows_pruned
        """,
        [feed.name, before],
    )
    warehouse.execute(
        f"delete from {identifier('raw', feed.name)} as raw using pruned_rows "
        "where raw.batch_id = pruned_rows.batch_id and raw.row_number = pruned_rows.row_number"
    )
    warehouse.execute(
        "delete from quarantine.rows where feed = $feed and batch_id in "
        "(select batch_id from ledger.loads where feed = $feed and delivery_date < $before)",
        {"feed": feed.name, "before": before},
    )


def _note(warehouse: duckdb.DuckDBPyConnection, feed: Feed, before: date) -> None:
    """Note up to which day the feed is pruned, within the caller's transaction."""
    warehouse.execute(
        """
        insert into state.prunings by name
        select
            coalesce(max(pruning_number), 0) + 1 as pruning_number,
            $feed as feed,
            $before as delivered_before,
            $now as pruned_at,
        from state.prunings
        having $before > coalesce(max(delivered_before) filter (feed = $feed), date '0001-01-01')
        """,
        {"feed": feed.name, "before": before, "now": datetime.now(UTC).replace(tzinfo=None)},
    )


def _prune_raw(warehouse: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed, before: date) -> None:
    warehouse.execute("begin transaction")
    _take_rows(warehouse, feed, before)
    _note(warehouse, feed, before)
    warehouse.execute("commit")
    export_state(warehouse, settings)


def _prunable_batches(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed, rows_before: date, before: date
) -> Iterator[Prunable]:
    """The archived batches delivered before `before`, of slots of which pruning raw up to `rows_before` leaves no row.

    Batches of one slot go together, so that none takes the place of another that the archive has no longer.
    """
    batches = [
        batch_id
        for (batch_id,) in warehouse.execute(
            f"""
            with batches as (
                select distinct batch_id, source_system, delivery_date, part
                from ledger.loads
                where feed = $feed and delivery_date < $archived_before
            ), standing as (
                select distinct batches.source_system, batches.delivery_date, batches.part
                from {identifier("raw", feed.name)} as raw
                inner join batches using (batch_id)
                anti join ({_old_rows(feed)}) as old
                    on raw.batch_id = old.batch_id and raw.row_number = old.row_number
            )
            select batch_id
            from batches
            anti join standing using (source_system, delivery_date, part)
            where batch_id not in (select batch_id from state.pruned_loads)
            order by delivery_date, batch_id
            """,
            {"feed": feed.name, "before": rows_before, "archived_before": before},
        ).fetchall()
    ]
    if batches:
        files = _files_of(settings, [(feed.name, batch_id) for batch_id in batches])
        yield Prunable(
            f"batches of {feed.name} in the archive, delivered before {before}",
            len(batches),
            sum(map(size_of, files)),
            partial(_prune_archive, warehouse, settings, feed, before, batches, files),
        )


def _prune_archive(
    warehouse: duckdb.DuckDBPyConnection,
    settings: Settings,
    feed: Feed,
    before: date,
    batches: list[str],
    files: list[Path],
) -> None:
    """Keep what the ledger says of batches, last, and then remove their files; their rows must have left raw."""
    given = {"feed": feed.name, "batches": batches}
    warehouse.execute("begin transaction")
    warehouse.execute(
        "insert into ledger.pruned_batches by name "
        "select unnest($batches::varchar[]) as batch_id, $feed as feed, $before as delivered_before, 0 as rows_pruned "
        "on conflict do nothing",
        given | {"before": before},
    )
    warehouse.execute(
        """
        insert into state.pruned_loads by name
        select loads.*, pruned.delivered_before, pruned.rows_pruned
        from ledger.loads as loads
        inner join ledger.pruned_batches as pruned using (batch_id)
        where loads.feed = $feed and list_contains($batches::varchar[], loads.batch_id)
        qualify load_number = max(load_number) over (partition by loads.batch_id)
        """,
        given,
    )
    warehouse.execute(
        "insert into state.pruned_results by name "
        "from ledger.gate_results where feed = $feed and list_contains($batches::varchar[], batch_id)",
        given,
    )
    _note(warehouse, feed, before)
    warehouse.execute("commit")
    export_state(warehouse, settings)
    remove_files(*files)


def _files_of(settings: Settings, batches: list[tuple[str, str]]) -> list[Path]:
    return [file for batch in batches for file in sorted(batch_folder(settings, *batch).glob("*.parquet"))]
