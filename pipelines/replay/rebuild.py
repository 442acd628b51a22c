"""The warehouse made anew from the archive and the decisions, in a new file that takes the old one's place at the end.

Batches come in the order in which they arrived, so that what superseded what comes out as it was; mapping and rules are
those of today. An interrupted rebuild leaves the old warehouse in its place.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from pipelines.archive.batches import archived_delivery, recover_archive
from pipelines.archive.manifest import Manifest, batch_folder, read_manifests, write_manifests
from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import LockedError, UsageError, WarehouseError
from pipelines.home.durable import synchronise
from pipelines.ledger.export import export_state, import_state
from pipelines.ledger.loads import Slot, conservation
from pipelines.ledger.prunings import restore_lines, without_archive
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_deliveries, load_stale
from pipelines.loading.raw import remember_files
from pipelines.repair.decided import withdraw
from pipelines.retention.pruning import prune_again
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Delivery

_LINES = """
select distinct on (loads.batch_id)
    loads.batch_id, loads.source_system, loads.feed, loads.delivery_date, loads.part, loads.file,
    coalesce(files.size, 0), coalesce(files.modified_nanoseconds, 0), loads.file_hash, loads.reading_hash,
    loads.fault, {source_columns}, {values_masked}, [loads.load_number]
from ledger.loads as loads
left join ledger.files as files on loads.batch_id = files.batch_id
order by loads.batch_id, loads.load_number desc
"""


def rebuild(
    settings: Settings, sources_file: SourcesFile, run_id: str, progress: Callable[[str, str], None]
) -> dict[str, int]:
    """Fill a new warehouse and put it in place; the counts of its lines in force, as `conservation` gives them.

    Raises UsageError where the archive is empty, or the sources file no longer says how its batches are read.
    """
    _keep_what_the_old_one_knows(settings)
    for feed in feeds():
        recover_archive(settings, feed)
    manifests = list(read_manifests(settings))
    if not manifests:
        raise UsageError(
            f"{settings.archive}: nothing is archived", "run `crmdw run`, which loads what lies in the inbox"
        )
    new = replace(settings, warehouse_name=f"{settings.warehouse_name}.rebuilt")
    _remove(new.warehouse)
    with connected(new, new.warehouse) as warehouse:
        create_tables(warehouse)
        import_state(warehouse, settings)
    load_archived(new, sources_file, manifests, run_id, progress)
    with connected(new, new.warehouse) as warehouse:
        counts = conservation(warehouse)
    _put_in_place(settings, new.warehouse)
    return counts


def load_archived(
    settings: Settings,
    sources_file: SourcesFile,
    manifests: list[Manifest],
    run_id: str,
    progress: Callable[[str, str], None],
) -> None:
    """Load archived batches, in the order of their arrival, into a warehouse that has the decisions and nothing else.

    Batches whose files were pruned get back their lines of the ledger, and pruned rows leave raw again. Raises
    UsageError where the sources file no longer says how one of them is read.
    """
    manifests = sorted(manifests, key=lambda one: (one.sequence, one.delivery_date, one.batch_id))
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        gone = without_archive(warehouse)
    known = [manifest.batch_id for manifest in manifests]
    deliveries = [archived_delivery(sources_file, manifest) for manifest in manifests if manifest.batch_id not in gone]
    for feed in feeds():
        of_feed = [delivery for delivery in deliveries if delivery.source.feed == feed]
        with connected(settings, settings.warehouse) as warehouse:
            restore_lines(warehouse, feed, known)
            withdraw(warehouse, sources_file, feed)
        for together in _rounds(of_feed):
            load_deliveries(settings, sources_file, feeds()[feed], together, run_id, partial(progress, feed))
            with connected(settings, settings.warehouse) as warehouse:
                withdraw(warehouse, sources_file, feed)
        with connected(settings, settings.warehouse) as warehouse:
            # Of a path that brought several contents, the last one is the one that lies there.
            remember_files(warehouse, list({str(one.path): one for one in of_feed}.values()))
        load_stale(settings, sources_file, feed, run_id, partial(progress, feed))
        with connected(settings, settings.warehouse) as warehouse:
            prune_again(warehouse, feeds()[feed])


def drop_old(settings: Settings) -> None:
    """Remove the warehouse that a rebuild has replaced."""
    _old(settings).unlink(missing_ok=True)


def _rounds(deliveries: Iterable[Delivery]) -> list[list[Delivery]]:
    """The deliveries in as few loads as keep the order within each slot."""
    rounds: dict[int, list[Delivery]] = defaultdict(list)
    seen: dict[Slot, int] = defaultdict(int)
    for delivery in deliveries:
        rounds[seen[delivery.slot]].append(delivery)
        seen[delivery.slot] += 1
    return list(rounds.values())


def _keep_what_the_old_one_knows(settings: Settings) -> None:
    """Copy out of the old warehouse, where it can be opened, what a home of an older version keeps nowhere else."""
    if not settings.warehouse.exists():
        return
    with suppress(duckdb.Error), connected(settings, settings.warehouse) as warehouse:
        columns = warehouse.execute(
            "select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal"
        ).fetchall()
        tables = {table for table, _ in columns}
        if "state.decisions" in tables:
            # Copies that know more than the old warehouse are the better ones.
            with suppress(WarehouseError):
                export_state(warehouse, settings)
        if "ledger.loads" in tables:
            has = {column for table, column in columns if table == "ledger.loads"}
            query = _LINES.format(
                source_columns="loads.source_columns" if "source_columns" in has else "null",
                values_masked="loads.values_masked" if "values_masked" in has else "0",
            )
            lines = [Manifest(*row) for row in warehouse.execute(query).fetchall()]
            write_manifests(
                settings,
                [
                    line
                    for line in lines
                    if not (batch_folder(settings, line.feed, line.batch_id) / "manifest.json").exists()
                ],
            )


def _put_in_place(settings: Settings, new: Path) -> None:
    """One rename; the old file stays aside under its own name until the new one is published."""
    synchronise([new])
    old = settings.warehouse
    log = old.with_name(old.name + ".wal")
    if old.exists():
        # Opening and closing it takes its log in.
        with suppress(duckdb.Error, LockedError), connected(settings, old):
            pass
        _old(settings).unlink(missing_ok=True)
        os.link(old, _old(settings))
    # The log of another file would be read into the new one.
    log.unlink(missing_ok=True)
    new.replace(old)
    synchronise([settings.home])


def _old(settings: Settings) -> Path:
    return settings.home / f"{settings.warehouse_name}.before-rebuild"


def _remove(database: Path) -> None:
    database.unlink(missing_ok=True)
    database.with_name(database.name + ".wal").unlink(missing_ok=True)
