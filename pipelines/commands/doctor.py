"""`crmdw doctor`: looks over a home the way an experienced operator would, and says what to mend."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import typer
from rich.markup import escape

from pipelines.commands.terminal import console
from pipelines.errors import DatabaseError, LockedError, WarehouseError
from pipelines.home.lock import looking
from pipelines.settings import Settings
from pipelines.sources.configuration import Source
from pipelines.sources.path_pattern import PathPattern
from pipelines.sources.postgresql import column_types, rows_without_watermark, session
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()

_LOW_DISK_MEGABYTES = 1024
_PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "dagster", "great-expectations", "pandas", "pyarrow")


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` where it is not good."""

    is_good: bool
    text: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that is worth knowing before a run, cheapest first. Changes nothing."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    yield Finding(True, f"Python {sys.version.split()[0]}, {versions}")
    if not settings.home.exists():
        yield Finding(False, f"{settings.home}: there is no home folder", "run `crmdw init`")
        return
    mode = settings.home.stat().st_mode & 0o777
    yield Finding(mode & 0o077 == 0, f"{settings.home}: mode {mode:o}", "" if mode & 0o077 == 0 else "chmod 700 it")
    free = shutil.disk_usage(settings.home).free // (1 << 20)
    yield Finding(free > _LOW_DISK_MEGABYTES, f"{free:,} MB free", "make room" if free <= _LOW_DISK_MEGABYTES else "")
    yield _lock(settings)
    yield from _published(settings)
    yield from _sources(settings)


def _lock(settings: Settings) -> Finding:
    try:
        with looking(settings):
            pass
    except LockedError as error:
        return Finding(False, error.cause, "wait until it ends")
    return Finding(True, "nobody is writing to this home")


def _published(settings: Settings) -> Iterator[Finding]:
    if not settings.published_file.exists():
        yield Finding(True, "nothing has been published yet")
        return
    yield Finding(True, f"{settings.published_file}: {settings.published_file.stat().st_size // 1024:,} KB")
    log = settings.published_file.with_name(settings.published_file.name + ".wal")
    if log.exists():
        yield Finding(
            False,
            f"{log.name}: a program opened the published file for writing",
            "open it read-only there; the next publish moves the log aside",
        )


def _database(source: Source) -> Finding:
    named = f"{source.feed} from {source.source_system}: {source.place}"
    try:
        with session(source) as cursor:
            columns = column_types(cursor, source)
            is_blind = rows_without_watermark(cursor, source)
    except DatabaseError as error:
        return Finding(False, error.cause, error.remedy)
    if is_blind:
        return Finding(False, f"{named}: rows without {source.watermark} are never read", "fill it in the database")
    return Finding(True, f"{named} has the mapped columns among its {len(columns)}")


def _sources(settings: Settings) -> Iterator[Finding]:
    try:
        sources_file = load_sources_file(settings.sources_file)
    except WarehouseError as error:
        yield Finding(False, error.cause, error.remedy)
        return
    yield Finding(True, f"{settings.sources_file}: {len(sources_file.sources)} sources")
    for source in sources_file.sources:
        if source.connection:
            yield _database(source)
            continue
        found = sum(1 for _ in PathPattern(source.path).files(sources_file.folder))
        text = f"{source.feed} from {source.source_system}: {found:,} files fit {source.path}"
        is_good = found > 0 or not source.terms.required
        yield Finding(is_good, text, "" if is_good else "put the files there, or mend path in the sources file")


@app.command(epilog="Example: [cyan]crmdw doctor[/cyan]")
def doctor() -> None:
    """Check this home: versions, sources file, files that each source finds, lock, disk, stray logs."""
    faults = 0
    for finding in examine(Settings.from_environment()):
        mark = "[green]ok[/green]    " if finding.is_good else "[red]fault[/red] "
        console.print(f"{mark} {escape(finding.text)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"       Remedy: {escape(finding.remedy)}", soft_wrap=True)
        faults += not finding.is_good
    if faults:
        raise typer.Exit(1)
