"""Loads one feed: gathers its deliveries, has them judged, writes what passed. Which deliveries those are is said here.

Between these steps the warehouse is closed, so that nothing waits for a long gate.
"""

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib import import_module
from itertools import accumulate
from types import ModuleType

import duckdb

from pipelines.archive.batches import archived_delivery, recover_archive
from pipelines.archive.manifest import read_manifest
from pipelines.connections import connected
from pipelines.contracts import Feed, feeds
from pipelines.errors import DatabaseError
from pipelines.home.shortage import telling_shortage
from pipelines.ledger.loads import Known, Load, known
from pipelines.loading.gather import gather_rows
from pipelines.loading.raw import LoadResult, remember_files, write_gated
from pipelines.loading.reload import Reload
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Arrivals, Delivery, archived_deliveries, find_arrivals
from pipelines.sources.keyed_hash import require_hash_key

Progress = Callable[[str], None]


def load_feed(
    settings: Settings,
    sources_file: SourcesFile,
    feed_name: str,
    run_id: str,
    reload: Reload | None = None,
    progress: Progress = lambda message: None,
    today: date | None = None,
) -> LoadResult:
    """Load what is new or changed of a feed, or with `reload` all of that again. The ledger's tables have to be there.

    `today` is the business day it is taken to be: databases are read up to the day before, and without it not at all.
    Raises GateBrokenError where the gate could not judge; then nothing of this feed is written.
    """
    feed = feeds()[feed_name]
    require_hash_key(sources_file.sources)
    with connected(settings, settings.warehouse) as warehouse:
        ledger = known(warehouse)
    dates = reload or Reload()
    arrivals = find_arrivals(ledger, sources_file, feed_name, dates.first, dates.last, reload is not None, today)
    if arrivals.touched:
        with connected(settings, settings.warehouse) as warehouse:
            remember_files(warehouse, arrivals.touched)
    deliveries = _work(settings, ledger, arrivals, sources_file, feed, reload)
    try:
        result = load_deliveries(settings, sources_file, feed, deliveries, run_id, progress)
        return replace(result, refused=arrivals.left_out + result.refused)
    except DatabaseError as error:
        # The database went away between look and reading: its days are not delivered, and the other feeds are loaded.
        return LoadResult(feed_name, refused=[*arrivals.left_out, f"{error.cause}. Remedy: {error.remedy}"])


def load_stale(
    settings: Settings,
    sources_file: SourcesFile,
    feed_name: str,
    run_id: str,
    progress: Progress = lambda message: None,
) -> LoadResult:
    """Load again, from the archive, what a decision or another load has made stale; no source is looked at."""
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        ledger = known(warehouse)
    deliveries = _work(settings, ledger, Arrivals(), sources_file, feeds()[feed_name], None)
    return load_deliveries(settings, sources_file, feeds()[feed_name], deliveries, run_id, progress)


def load_deliveries(
    settings: Settings,
    sources_file: SourcesFile,
    feed: Feed,
    deliveries: list[Delivery],
    run_id: str,
    progress: Progress = lambda message: None,
) -> LoadResult:
    """Load these deliveries of a feed, of which no two are of one slot; raises as load_feed does."""
    if not deliveries:
        return LoadResult(feed.name)
    with (
        telling_shortage(settings, f"{feed.name} cannot be loaded"),
        _gate(settings) as gate,
        ThreadPoolExecutor(max_workers=1) as importer,
    ):
        # Importing Great Expectations takes seconds, in which the files can be read.
        verdicts = importer.submit(_import_verdicts)
        recover_archive(settings, feed.name)
        progress(f"reading {len(deliveries)} deliveries")
        deliveries = gather_rows(gate, settings, feed, deliveries, sources_file.company)
        if not deliveries:
            return LoadResult(feed.name)
        progress(f"gating {len(deliveries)} deliveries")
        verdicts.result().judge_rows(settings, gate, feed)
        progress("writing")
        return write_gated(settings, gate, feed, deliveries, run_id)


def _import_verdicts() -> ModuleType:
    """The judging module; a quarter of the seconds its import takes would go into looking for garbage among classes."""
    gc.disable()
    try:
        return import_module("pipelines.gate.verdicts")
    finally:
        gc.enable()


@contextmanager
def _gate(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory for what is judged; what exceeds the limit is spilled into the home's scratch folder.

    In memory DuckDB neither compresses nor logs, which for rows that live for seconds is most of the work.
    """
    with connected(settings, None) as gate:
        gate.execute("attach ':memory:' as gate")
        gate.execute("use gate")
        gate.execute("set preserve_insertion_order = false")
        yield gate


def _work(
    settings: Settings,
    ledger: Known,
    arrivals: Arrivals,
    sources_file: SourcesFile,
    feed: Feed,
    reload: Reload | None,
) -> list[Delivery]:
    """What is to be loaded, in order: what arrived, and what depends on it and is read again from the archive."""
    deliveries = {delivery.slot: _as_erased(settings, sources_file, ledger, delivery) for delivery in arrivals.to_load}
    of_feed = (load for load in ledger.loads if load.feed == feed.name)
    own = [load for load in of_feed if not ledger.is_closed(feed.name, load.delivery_date)]
    again = [*_with_stale_look_ups(ledger, sources_file, feed, own), *(load for load in own if load.is_stale)]
    if reload:
        # A source file that is gone is replayed.
        again += [load for load in own if reload.includes(load.delivery_date)]
    if feed.brings == "snapshot" and (deliveries or again):
        # What is unchanged depends on the snapshot before: a late one makes the later ones be compared anew.
        days = [delivery.delivery_date for delivery in deliveries.values()] + [load.delivery_date for load in again]
        first = min(days, default=date.max)
        again += [load for load in own if load.delivery_date >= first]
    # A refused batch is read again only on request: nothing that arrived makes it better.
    in_question = again if reload else [load for load in again if load.verdict == "loaded" or load.is_stale]
    for delivery in archived_deliveries(ledger, sources_file, in_question):
        deliveries.setdefault(delivery.slot, delivery)
    return sorted(deliveries.values(), key=lambda d: (d.delivery_date, d.source.source_system, d.part))


def _as_erased(settings: Settings, sources_file: SourcesFile, ledger: Known, delivery: Delivery) -> Delivery:
    """`delivery`, read from the archive where persons were erased of its batch: its source file may still have them."""
    if delivery.batch_id not in ledger.erased:
        return delivery
    return archived_delivery(sources_file, read_manifest(settings, delivery.source.feed, delivery.batch_id))


def _with_stale_look_ups(ledger: Known, sources_file: SourcesFile, feed: Feed, own: list[Load]) -> list[Load]:
    """Of the feed's `own` batches those that looked up what was loaded, or loaded anew, only after them.

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
    return [load for load in own if newest_until[bisect_right(days, load.delivery_date)] > load.load_number]
