"""From the candidate, into which dbt builds all that is published, to the published file: audit, and one atomic rename.

Readers never open the warehouse, and a failure at any point leaves the published file as it was.
"""

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.archive.manifest import last_sequence
from pipelines.connections import connected, identifier, literal
from pipelines.errors import PublishError
from pipelines.home.durable import synchronise
from pipelines.home.shortage import free_megabytes, is_disk_full
from pipelines.ledger.basis_hash import known_basis_hash
from pipelines.ledger.export import export_state, extent
from pipelines.publishing.content_hash import content_hash, published_tables
from pipelines.publishing.schemas import published_schemas
from pipelines.settings import PROJECT_ROOT, Settings

PUBLISHED_TABLES_ALONE = "published_tables_alone"
"""The part of the audit that finds what is not to be published at all."""


@dataclass(frozen=True)
class Publication:
    """What was published: where, how many rows per table, the content hash, and a stray log that was moved aside."""

    path: Path
    rows: dict[str, int]
    content_hash: str
    stray_log: Path | None


@dataclass(frozen=True)
class Verdict:
    """What one part of the audit found: how many rules it judged, and the sentences of those that failed."""

    name: str
    rules: int
    faults: list[str]


def candidate_file(settings: Settings) -> Path:
    """Beside the published file, so that the rename stays within one file system."""
    return settings.published / ".candidate.duckdb"


def version_file(settings: Settings, published_at: datetime, found_hash: str) -> Path:
    """Where the file that was published at this instant (UTC, without a zone) is kept, for as long as it is."""
    return settings.versions / f"crm-{published_at:%Y%m%dT%H%M%S%f}-{found_hash[:8]}.duckdb"


def begin_candidate(settings: Settings, onto_published: bool = False) -> None:
    """Make a candidate for dbt to build into, in the place of what an earlier run left there.

    It is empty, or has what is published where models are to be built `onto_published`. Raises PublishError where the
    disk is full or the folder cannot be written.
    """
    candidate = candidate_file(settings)
    with writing_candidate(settings):
        settings.published.mkdir(parents=True, exist_ok=True)
        discard_candidate(settings)
        if onto_published and settings.published_file.exists():
            shutil.copyfile(settings.published_file, candidate)
        with connected(settings, candidate):
            pass


def discard_candidate(settings: Settings) -> None:
    """Remove the candidate and its log, where there are any."""
    candidate = candidate_file(settings)
    candidate.unlink(missing_ok=True)
    candidate.with_name(candidate.name + ".wal").unlink(missing_ok=True)


def close_candidate(settings: Settings) -> dict[str, int]:
    """Put all of the candidate into its one file, which nobody writes to from now on; returns rows per table.

    Raises PublishError where the disk is full.
    """
    with writing_candidate(settings), connected(settings, None) as connection:
        connection.execute(f"attach {literal(candidate_file(settings))} as candidate")
        connection.execute("checkpoint candidate")
        return _rows(connection)


def audited_tables() -> list[str]:
    """The published tables that have a suite in `expectations/`, as `<schema>__<table>`."""
    folder = PROJECT_ROOT / "expectations"
    schemas = published_schemas()
    return sorted(path.stem for path in folder.glob("*__*.py") if path.stem.partition("__")[0] in schemas)


def audit_candidate(settings: Settings) -> list[Verdict]:
    """Judge the candidate read-only: that it holds published tables alone, and each suite; dbt tested it before.

    Raises GateBrokenError where a rule could not be judged.
    """
    from pipelines.gate.engine import judge_published  # noqa: PLC0415 (importing Great Expectations takes seconds)

    with connected(settings, candidate_file(settings), read_only=True) as published:
        # A view would embed the candidate's name, and show nothing under another.
        strange = published.execute(
            "select schema_name, table_name from duckdb_tables() where not list_contains(?, schema_name) "
            "union all select schema_name, view_name from duckdb_views() where not internal order by all",
            [published_schemas()],
        ).fetchall()
        (tables,) = published.execute("select count(*) from duckdb_tables()").fetchone() or (0,)
        faults = [f"{schema}.{name} is no table that is published" for schema, name in strange]
        verdicts = [Verdict(PUBLISHED_TABLES_ALONE, tables, faults)]
        for name in audited_tables():
            schema, table = name.split("__", 1)
            suite = importlib.import_module(f"expectations.{name}").SUITE
            judgements = judge_published(published, schema, table, suite)
            failed = [j.rule for j in judgements if not j.passed and j.severity == "critical"]
            verdicts.append(Verdict(name, len(judgements), failed))
    return verdicts


def publish_candidate(settings: Settings, run_id: str) -> Publication:
    """Put the audited candidate in the published file's place by one rename, and keep it as a version.

    Raises PublishError where the disk is full or the folder cannot be written.
    """
    candidate = candidate_file(settings)
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(candidate)} as candidate (read_only)")
        rows = _rows(connection)
        found_hash = content_hash(connection, "candidate")
    published_at = datetime.now(UTC).replace(tzinfo=None)
    stray_log = put_candidate_in_place(settings, version_file(settings, published_at, found_hash))
    with connected(settings, settings.warehouse) as warehouse:
        known_by = extent(warehouse)
        warehouse.execute(
            f"""
            insert into ledger.publications by name
            select
                $published_at as published_at,
                $run_id as run_id,
                complete_date,
                $state_hash as state_hash,
                $content_hash as content_hash,
                judged_at,
                $last_arrival as last_arrival,
                {", ".join(f"{number} as {name}" for name, number in known_by.items())}
            from ledger.company
            """,
            {
                "published_at": published_at,
                "run_id": run_id,
                "state_hash": known_basis_hash(warehouse),
                "content_hash": found_hash,
                "last_arrival": last_sequence(settings),
            },
        )
        export_state(warehouse, settings)
    return Publication(settings.published_file, rows, found_hash, stray_log)


def put_candidate_in_place(settings: Settings, version: Path | None = None) -> Path | None:
    """Rename the candidate, kept as `version` too where one is given; returns where a stray log was moved aside.

    Raises PublishError where the folder cannot be written.
    """
    candidate = candidate_file(settings)
    with writing_candidate(settings):
        settings.versions.mkdir(parents=True, exist_ok=True)
        stray_log = _move_stray_log_aside(settings)
        candidate.chmod(0o444)
        synchronise([candidate])
        if version:
            os.link(candidate, version)
        candidate.replace(settings.published_file)
        synchronise([settings.published])
        for old in sorted(settings.versions.glob("crm-*.duckdb"))[: -settings.versions_kept]:
            old.unlink()
    return stray_log


def _rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows per table of the candidate, which is attached."""
    return {
        f"{schema}.{table}": connection.sql(f"from {identifier('candidate', schema, table)}")
        .count("*")
        .fetchall()[0][0]
        for schema, table in published_tables(connection, "candidate")
    }


def _move_stray_log_aside(settings: Settings) -> Path | None:
    """A client that opened the published file for writing and died leaves a log that would spoil the next file."""
    log = settings.published_file.with_name(settings.published_file.name + ".wal")
    if not log.exists():
        return None
    aside = settings.versions / f"{log.name}.stray-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    shutil.move(log, aside)
    return aside


@contextmanager
def writing_candidate(settings: Settings) -> Iterator[None]:
    """Turns a full disk or a folder that cannot be written into a PublishError, and removes the candidate."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        discard_candidate(settings)
        cause = "the disk is full" if is_disk_full(error) else str(error).splitlines()[0]
        raise PublishError(
            f"{settings.published}: the new file could not be written: {cause} ({free_megabytes(settings)} MB free)",
            "make room or mend the folder's rights, then run `crmdw publish`; the published file stays what it was",
        ) from error
