"""A SQLAlchemy dialect under which Great Expectations can read from DuckDB.

Great Expectations closes its connection before it fetches, and DuckDB then has no rows left. Buffering each
result as soon as it is there mends that through SQLAlchemy's public hooks. It connects once per metric too: all these
connections are one cursor of the one that is lent to it, which sees the same tables, in memory or in a file.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from duckdb_sqlalchemy import ConnectionWrapper, Dialect, DuckDBExecutionContext
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

_NAME = "duckdb_buffered"
URL = f"{_NAME}:///lent"
"""Where SQLAlchemy finds the connection that is lent."""

_lent: list["_KeptOpen"] = []


@contextmanager
def lent(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have SQLAlchemy find `connection` under URL, for as long as it is lent."""
    (catalog,) = connection.execute("select current_catalog()").fetchone() or ("",)
    with connection.cursor() as cursor:
        cursor.execute(f"use {catalog}")
        cursor.execute("set TimeZone = 'UTC'")
        _lent.append(_KeptOpen(cursor))
        try:
            yield
        finally:
            _lent.pop()


class _KeptOpen(ConnectionWrapper):
    """A connection that stays open when it is closed: to open one and set it up takes as long as a metric does."""

    def close(self) -> None:
        return


class _BufferedExecutionContext(DuckDBExecutionContext):
    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description is not None:
            rows = deque(self.cursor.fetchall())
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(self.cursor, initial_buffer=rows)


class BufferedDuckDBDialect(Dialect):
    """duckdb-sqlalchemy's dialect on a lent connection, with every result read at once."""

    name = "duckdb"
    supports_statement_cache = False
    execution_ctx_cls = _BufferedExecutionContext

    def connect(self, *arguments: Any, **parameters: Any) -> Any:
        return _lent[-1]


registry.register(_NAME, __name__, "BufferedDuckDBDialect")
