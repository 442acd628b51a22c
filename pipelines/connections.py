"""DuckDB connections, all with the same limits, and the quoting of names and values in SQL text."""

import glob
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from pipelines.errors import LockedError
from pipelines.settings import Settings

STORAGE_VERSION = "v1.4.0"
"""Of new files. A file of an older one replays another file's stray log, and is written more slowly."""

_RETRY_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


@contextmanager
def connected(settings: Settings, path: Path | None, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the DuckDB file at `path` (None: in memory), in UTC and within the settings' limits.

    Raises LockedError, naming the holder's process, where another process has the file open for writing. A
    reader keeps a writer out, so a writer tries for some seconds before it gives up.
    """
    settings.scratch.mkdir(parents=True, exist_ok=True)
    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.scratch / "spill"),
        # Nothing is fetched from outside; what is needed is inside DuckDB's own package.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": True,
        "storage_compatibility_version": STORAGE_VERSION,
    }
    connection = _opened(str(path) if path else ":memory:", read_only, limits)
    try:
        if path and not read_only:
            # It holds personal data; DuckDB gives a new file the mode of any other.
            path.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def exact_name(file: Path | str) -> str:
    """The name under which DuckDB's readers of files read this file alone, whatever signs of patterns it has in it."""
    return glob.escape(str(file))


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """`connection` with the warehouse as its current database, for writing; raises LockedError as `connected` does.

    What it had before stays there under its own catalog's name.
    """
    (before,) = connection.execute("select current_catalog()").fetchone() or ("memory",)
    statement = f"attach {literal(settings.warehouse)} as warehouse"
    _retried(lambda: connection.execute(statement))
    try:
        connection.execute("use warehouse")
        yield connection
    except BaseException:
        # Closing the connection would commit what was begun.
        with suppress(duckdb.Error):
            connection.execute("rollback")
        raise
    finally:
        connection.execute(f"use {identifier(before)}")
        connection.execute("detach warehouse")


@contextmanager
def reading(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[None]:
    """The warehouse beside what `connection` has, read-only under the name `warehouse`, for a moment."""
    connection.execute(f"attach {literal(settings.warehouse)} as warehouse (read_only)")
    try:
        yield
    finally:
        connection.execute("detach warehouse")


def _opened(
    path: str, read_only: bool, limits: dict[str, str | bool | int | float | list[str]]
) -> duckdb.DuckDBPyConnection:
    patience = 0 if read_only else _RETRY_SECONDS
    return _retried(lambda: duckdb.connect(path, read_only=read_only, config=limits), patience)


def _retried(
    opening: Callable[[], duckdb.DuckDBPyConnection], patience: float = _RETRY_SECONDS
) -> duckdb.DuckDBPyConnection:
    """What `opening` opens, tried for `patience` seconds while another process has the file open."""
    last = time.monotonic() + patience
    while True:
        try:
            return opening()
        except duckdb.IOException as error:
            locked = locked_error(str(error))
            if not locked:
                raise
            if time.monotonic() >= last:
                raise locked from error
        time.sleep(_PAUSE_SECONDS)


def locked_error(message: str) -> LockedError | None:
    """What DuckDB's `message` says of a file that another process has open; None where it says something else."""
    # dbt breaks the message into lines of its log.
    text = " ".join(message.split())
    found = re.search(r"Could not set lock on file \"(?P<path>[^\"]+)\"", text)
    if not found:
        return None
    holder = re.search(r"PID (\d+)", text[found.end() :])
    return LockedError(
        f"{found['path']}: the file is open in another program" + (f", process {holder[1]}" if holder else ""),
        "close it there (analysts open published/crm.duckdb instead), then run the command again",
    )


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Whether a database of `connection` has the table: one that a run was never finished in, or that an older version
    made, lacks some.
    """
    # No parameters: for the first one DuckDB imports pandas, half a second for a run that finds nothing new.
    found = connection.execute(
        f"select 1 from duckdb_tables() where schema_name = {literal(schema)} and table_name = {literal(name)}"
    ).fetchone()
    return found is not None


def insert_rows(
    connection: duckdb.DuckDBPyConnection, statement: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Run `statement` (insert into ... by name from rows) once over small `rows` of `columns`.

    One statement, because DuckDB commits each row of an executemany on its own.
    """
    import pyarrow as pa  # noqa: PLC0415 (a run that finds nothing new needs none, and its import takes .2 s)

    values = zip(*rows, strict=True) if rows else ([] for _ in columns)

    table = pa.table({name: list(column) for name, column in zip(columns, values, strict=True)})
    connection.register("rows", table)
    try:
        connection.execute(statement)
    finally:
        connection.unregister("rows")


def identifier(*names: str) -> str:
    """A quoted, dotted SQL name."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(value: object) -> str:
    """A quoted SQL text, for places such as DDL and generated mappings where parameters cannot stand."""
    return "'" + str(value).replace("'", "''") + "'"
