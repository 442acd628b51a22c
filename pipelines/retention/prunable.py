"""What is kept longer than it need be, and goes: rows in quarantine, old published files, Dagster's runs and logs.

What the marts are made of goes only where a contract says so, in `pruning.py`. A rebuild holds the same rows back
again, and the next pruning takes them again.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from pipelines.contracts import feeds
from pipelines.settings import Settings


@dataclass(frozen=True)
class Prunable:
    """Things of one kind in one place that may go: how many rows, files or runs, of how many bytes, and how they go.

    `consequence` is what else will be otherwise, where anything is.
    """

    what: str
    count: int
    size: int
    remove: Callable[[], object]
    consequence: str = ""


def prunable_rows(warehouse: duckdb.DuckDBPyConnection, today: date) -> Iterator[Prunable]:
    """By feed, the rows in quarantine that were delivered longer ago than its contract keeps them, decided or not."""
    for name, feed in feeds().items():
        before = today - timedelta(feed.quarantine_days)
        old = (
            "feed = ? and batch_id in "
            "(select batch_id from ledger.loads group by batch_id having max(delivery_date) < ?)"
        )
        given: list[object] = [name, before]
        (rows, size) = warehouse.execute(
            f"select count(*), coalesce(sum(strlen(record)), 0)::bigint from quarantine.rows where {old}", given
        ).fetchone() or (0, 0)
        if rows:
            yield Prunable(
                f"rows of {name} in quarantine, delivered before {before}",
                rows,
                size,
                partial(warehouse.execute, f"delete from quarantine.rows where {old}", given),
            )


def prunable_files(settings: Settings, now: datetime, days: int) -> Iterator[Prunable]:
    """Published files but the last, older than `days`; and archived batches that no load ever committed."""
    before = now.timestamp() - days * 86400
    versions = sorted(settings.versions.glob("crm-*.duckdb"))[:-1] + sorted(settings.versions.glob("*.stray-*"))
    yield from files_to_remove(
        f"published files older than {days} days", [path for path in versions if path.stat().st_mtime < before]
    )
    folders = [folder for folder in settings.archive.glob("*/*batch_id=*") if not (folder / "manifest.json").exists()]
    yield from files_to_remove("archived batches that were never loaded", folders)


def prunable_runs(settings: Settings, now: datetime, days: int) -> Iterator[Prunable]:
    """Dagster's ended runs older than `days`, with their events and logs, as its own interface removes them."""
    from dagster import DagsterInstance, RunsFilter  # noqa: PLC0415
    from dagster._core.storage.dagster_run import FINISHED_STATUSES  # noqa: PLC0415

    if not (settings.dagster_home / "history").exists():
        return
    before = now - timedelta(days)
    with DagsterInstance.get() as instance:
        ended = RunsFilter(statuses=list(FINISHED_STATUSES), created_before=before)
        runs = [record.dagster_run.run_id for record in instance.get_run_records(ended)]
    files = [file for run_id in runs for file in _of_run(settings, run_id)]

    def remove() -> None:
        with DagsterInstance.get() as instance:
            for run_id in runs:
                instance.delete_run(run_id)
                instance.compute_log_manager.delete_logs(prefix=[run_id])
        remove_files(*files)
        _shrink(settings.dagster_home / "history" / "runs" / "index.db")

    if runs:
        yield Prunable(
            f"runs of Dagster that ended, begun before {before:%Y-%m-%d}", len(runs), sum(map(size_of, files)), remove
        )


def files_to_remove(what: str, paths: list[Path]) -> Iterator[Prunable]:
    """Files and folders of one kind as one thing that may go; nothing where there are none."""
    if paths:
        yield Prunable(what, len(paths), sum(map(size_of, paths)), partial(remove_files, *paths))


def _of_run(settings: Settings, run_id: str) -> list[Path]:
    """A run's own folder, and its event log, of which Dagster empties the tables and leaves the file."""
    return [settings.dagster_home / run_id, *(settings.dagster_home / "history" / "runs").glob(f"{run_id}.db*")]


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; 0 where there is none."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0


def remove_files(*paths: Path) -> None:
    """Remove files, and folders with what is in them, those that are gone already aside."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _shrink(database: Path) -> None:
    """Give the pages of deleted events back; where the daemon is writing, another time."""
    if database.exists():
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database, timeout=5)) as connection:
            connection.execute("vacuum")
