"""From the warehouse to the published file: the candidate, its audit, and one atomic rename.

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

from pipelines.connections import STORAGE_VERSION, connected, identifier, literal
from pipelines.content_hash import content_hash, copy_hash, published_tables
from pipelines.decisions import export_state, extent
from pipelines.errors import PublishError
from pipelines.ledger import known_state_hash
from pipelines.manifest import last_sequence
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.shortage import free_megabytes, is_disk_full


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


def build_candidate(settings: Settings) -> dict[str, int]:
    """Copy every published table, with its keys and comments, into a fresh file; returns rows per table.

    Raises PublishError where the disk is full or the folder cannot be written.
    """
    candidate = candidate_file(settings)
    with _writing(settings):
        settings.published.mkdir(parents=True, exist_ok=True)
        _discard(candidate)
        with connected(settings, None) as connection:
            connection.execute(f"attach {literal(settings.warehouse)} as warehouse (read_only)")
            connection.execute(f"attach {literal(candidate)} as candidate (storage_version '{STORAGE_VERSION}')")
            rows = {
                f"{schema}.{table}": _copy_table(connection, schema, table)
                for schema, table in published_tables(connection, "warehouse")
            }
            connection.execute("checkpoint candidate")
            connection.execute("detach candidate")
    return rows


def _copy_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    found = connection.execute(
        "select sql, comment from duckdb_tables() "
        "where database_name = 'warehouse' and schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    assert found is not None
    definition, comment = found
    connection.execute("use candidate")
    connection.execute(f"create schema if not exists {identifier(schema)}")
    connection.execute(definition)
    target, origin = identifier("candidate", schema, table), identifier("warehouse", schema, table)
    connection.execute(f"insert into {target} select * from {origin}")
    if comment:
        connection.execute(f"comment on table {target} is {literal(comment)}")
    columns = connection.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse' "
        "and schema_name = ? and table_name = ? and comment is not null",
        [schema, table],
    ).fetchall()
    for name, text in columns:
        connection.execute(f"comment on column {target}.{identifier(name)} is {literal(text)}")
    connection.execute("use memory")
    return _count(connection, schema, table)


def audited_tables() -> list[str]:
    """The published tables that have a suite in `expectations/`, as `<schema>__<table>`."""
    folder = PROJECT_ROOT / "expectations"
    return sorted(path.stem for path in folder.glob("*__*.py") if path.stem.startswith(("core__", "marts__")))


def audit_candidate(settings: Settings) -> list[Verdict]:
    """Judge the candidate read-only: that it equals the warehouse, whose dbt tests passed, and each suite.

    Raises GateBrokenError where a rule could not be judged.
    """
    from pipelines.gate.engine import judge_published  # noqa: PLC0415 (importing Great Expectations takes seconds)

    candidate = candidate_file(settings)
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(settings.warehouse)} as warehouse (read_only)")
        connection.execute(f"attach {literal(candidate)} as candidate (read_only)")
        tables = published_tables(connection, "warehouse")
        copied = published_tables(connection, "candidate")
        differing = [f"{schema}.{table} is not there" for schema, table in tables if (schema, table) not in copied]
        differing += [
            f"{schema}.{table} differs from the warehouse's"
            for schema, table in tables
            if (schema, table) in copied
            and copy_hash(connection, "candidate", schema, table) != copy_hash(connection, "warehouse", schema, table)
        ]
    verdicts = [Verdict("equals_warehouse", len(tables), differing)]
    with connected(settings, candidate, read_only=True) as published:
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
    candidate, target = candidate_file(settings), settings.published_file
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(candidate)} as candidate (read_only)")
        rows = {f"{s}.{t}": _count(connection, s, t) for s, t in published_tables(connection, "candidate")}
        found_hash = content_hash(connection, "candidate")
    published_at = datetime.now(UTC).replace(tzinfo=None)
    with _writing(settings):
        settings.versions.mkdir(parents=True, exist_ok=True)
        stray_log = _move_stray_log_aside(settings, published_at)
        candidate.chmod(0o444)
        _synchronise(candidate)
        os.link(candidate, version_file(settings, published_at, found_hash))
        candidate.replace(target)
        _synchronise(settings.published)
        for old in sorted(settings.versions.glob("crm-*.duckdb"))[: -settings.versions_kept]:
            old.unlink()
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
                "state_hash": known_state_hash(warehouse),
                "content_hash": found_hash,
                "last_arrival": last_sequence(settings),
            },
        )
        export_state(warehouse, settings)
    return Publication(target, rows, found_hash, stray_log)


def _count(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    row = connection.execute(f"select count(*) from {identifier('candidate', schema, table)}").fetchone()
    assert row is not None
    return int(row[0])


def _move_stray_log_aside(settings: Settings, published_at: datetime) -> Path | None:
    """A client that opened the published file for writing and died leaves a log that would spoil the next file."""
    log = settings.published_file.with_name(settings.published_file.name + ".wal")
    if not log.exists():
        return None
    aside = settings.versions / f"{log.name}.stray-{published_at:%Y%m%dT%H%M%S%f}"
    shutil.move(log, aside)
    return aside


@contextmanager
def _writing(settings: Settings) -> Iterator[None]:
    """Turns a full disk or a folder that cannot be written into a PublishError, and removes the candidate."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        _discard(candidate_file(settings))
        cause = "the disk is full" if is_disk_full(error) else str(error).splitlines()[0]
        raise PublishError(
            f"{settings.published}: the new file could not be written: {cause} ({free_megabytes(settings)} MB free)",
            "make room or mend the folder's rights, then run `crmdw publish`; the published file stays what it was",
        ) from error


def _discard(candidate: Path) -> None:
    candidate.unlink(missing_ok=True)
    candidate.with_name(candidate.name + ".wal").unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    """Have the operating system put the file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
