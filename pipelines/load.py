"""Loads one feed: gathers its deliveries, has them judged, writes what passed. Which deliveries those are is said here.

Between these steps the warehouse is closed, so that nothing waits for a long gate.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from pipelines.connections import connected
from pipelines.contracts import Feed, feeds
from pipelines.gate.candidates import gather_candidates
from pipelines.ledger import create_tables
from pipelines.raw import LoadResult, remember_files, write_gated
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Delivery, archived_deliveries, find_arrivals

Progress = Callable[[str], None]


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
            remember_files(warehouse, touched)
    if not deliveries:
        return LoadResult(feed_name)
    gate_file = settings.scratch / f"gate-{feed_name}.duckdb"
    _remove(gate_file)
    try:
        progress(f"reading {len(deliveries)} deliveries")
        with connected(settings, gate_file) as gate:
            deliveries = gather_candidates(gate, settings, feed, deliveries, sources_file.company)
        if not deliveries:
            return LoadResult(feed_name)
        progress(f"gating {len(deliveries)} deliveries")
        from pipelines.gate.verdicts import judge_candidates  # noqa: PLC0415 (Great Expectations takes seconds)

        judge_candidates(settings, gate_file, feed)
        progress("writing")
        return write_gated(settings, gate_file, feed, deliveries, run_id)
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


def _remove(database: Path) -> None:
    for path in (database, database.with_name(database.name + ".wal")):
        with suppress(FileNotFoundError):
            path.unlink()
