"""DuckDB connections, all with the same limits, and the quoting of names and values in SQL text."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import LockedError
from pipelines.settings import Settings


@contextmanager
def connected(settings: Settings, path: Path | None, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the DuckDB file at `path` (None: in memory), in UTC and within the settings' limits.

    Raises LockedError, naming the holder's process, where another process has the file open for writing.
    """
    settings.scratch.mkdir(parents=True, exist_ok=True)
    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.scratch / "spill"),
        # Nothing is fetched from outside; what is needed is inside DuckDB's own package.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": True,
    }
    try:
        connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=limits)
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        holder = re.search(r"PID (\d+)", str(error))
        raise LockedError(
            f"{path}: the file is open in another program" + (f", process {holder[1]}" if holder else ""),
            "close it there (analysts open published/crm.duckdb instead), then run the command again",
        ) from error
    try:
        if path and not read_only:
            # It holds personal data; DuckDB gives a new file the mode of any other.
            path.chmod(0o600)
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def insert_rows(
    connection: duckdb.DuckDBPyConnection, statement: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Run `statement` (insert into ... by name from rows) once over small `rows` of `columns`.

    One statement, because DuckDB commits each row of an executemany on its own.
    """
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
