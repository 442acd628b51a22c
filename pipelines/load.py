"""Loads one feed: gathers its deliveries, has them judged, writes what passed. Which deliveries those are is said here.

Between these steps the warehouse is closed, so that nothing waits for a long gate.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate
from pathlib import Path

from pipelines.connections import connected
from pipelines.contracts import Feed, feeds
from pipelines.gate.candidates import gather_candidates
from pipelines.ledger import Known, Load, create_tables, known
from pipelines.raw import LoadResult, remember_files, write_gated
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Arrivals, Delivery, archived_deliveries, find_arrivals

Progress = Callable[[str], None]


@dataclass(frozen=True)
class DateRange:
    """Delivery dates from `first` to `last`, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def includes(self, day: date) -> bool:
        """Whether `day` lies in the range."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


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
        ledger = known(warehouse)
    arrivals = find_arrivals(ledger, sources_file, feed_name, dates.first, dates.last, reload)
    deliveries = _work(ledger, arrivals, sources_file, feed, dates, reload)
    if arrivals.touched:
        with connected(settings, settings.warehouse) as warehouse:
            remember_files(warehouse, arrivals.touched)
    if not deliveries:
        return LoadResult(feed_name, refused=arrivals.unreadable)
    gate_file = settings.scratch / f"gate-{feed_name}.duckdb"
    _remove(gate_file)
    try:
        progress(f"reading {len(deliveries)} deliveries")
        with connected(settings, gate_file) as gate:
            deliveries = gather_candidates(gate, settings, feed, deliveries, sources_file.company)
        if not deliveries:
            return LoadResult(feed_name, refused=arrivals.unreadable)
        progress(f"gating {len(deliveries)} deliveries")
        from pipelines.gate.verdicts import judge_candidates  # noqa: PLC0415 (Great Expectations takes seconds)

        judge_candidates(settings, gate_file, feed)
        progress("writing")
        result = write_gated(settings, gate_file, feed, deliveries, run_id)
        return replace(result, refused=arrivals.unreadable + result.refused)
    finally:
        _remove(gate_file)


def _work(
    ledger: Known, arrivals: Arrivals, sources_file: SourcesFile, feed: Feed, dates: DateRange, reload: bool
) -> list[Delivery]:
    """What is to be loaded, in order: what arrived, and what depends on it and is read again from the archive."""
    deliveries = {delivery.slot: delivery for delivery in arrivals.to_load}
    own = [load for load in ledger.loads if load.feed == feed.name]
    again = _with_stale_look_ups(ledger, sources_file, feed)
    if reload:
        # A source file that is gone is replayed.
        again += [load for load in own if dates.includes(load.delivery_date)]
    if feed.brings == "snapshot" and (deliveries or reload):
        # What is unchanged depends on the snapshot before: a late one makes the later ones be compared anew.
        days = [delivery.delivery_date for delivery in deliveries.values()] + [load.delivery_date for load in again]
        first = min(days, default=date.max)
        again += [load for load in own if load.delivery_date >= first]
    # A refused batch is read again only by whoever asks for it: nothing that arrived makes it better.
    in_question = again if reload else [load for load in again if load.verdict == "loaded"]
    for delivery in archived_deliveries(ledger, sources_file, in_question):
        deliveries.setdefault(delivery.slot, delivery)
    return sorted(deliveries.values(), key=lambda d: (d.delivery_date, d.source.source_system, d.part))


def _with_stale_look_ups(ledger: Known, sources_file: SourcesFile, feed: Feed) -> list[Load]:
    """The feed's batches that looked up what was loaded, or loaded anew, only after them.

    Without reading them again, the order in which files arrive would show in the result.
    """
    looked_up = {
        mapping.look_up
        for source in sources_file.of_feed(feed.name)
        for mapping in source.columns.values()
        if mapping.look_up
    }
    others = sorted((load.delivery_date, load.load_number) for load in ledger.loads if load.feed in looked_up)
    days = [day for day, _ in others]
    newest_until = list(accumulate((number for _, number in others), max, initial=0))
    return [
        load
        for load in ledger.loads
        if load.feed == feed.name and newest_until[bisect_right(days, load.delivery_date)] > load.load_number
    ]


def _remove(database: Path) -> None:
    for path in (database, database.with_name(database.name + ".wal")):
        with suppress(FileNotFoundError):
            path.unlink()
