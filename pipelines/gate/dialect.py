"""A SQLAlchemy dialect under which Great Expectations can read from DuckDB.

Great Expectations closes its connection before it fetches, and DuckDB then has no rows left. Buffering each
result as soon as it is there mends that through SQLAlchemy's public hooks.
"""

from collections import deque

from duckdb_sqlalchemy import Dialect, DuckDBExecutionContext
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

NAME = "duckdb_buffered"


class _BufferedExecutionContext(DuckDBExecutionContext):
    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description is not None:
            rows = deque(self.cursor.fetchall())
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(self.cursor, initial_buffer=rows)


class BufferedDuckDBDialect(Dialect):
    """duckdb-sqlalchemy's dialect with every result read at once."""

    name = "duckdb"
    supports_statement_cache = False
    execution_ctx_cls = _BufferedExecutionContext


registry.register(NAME, __name__, "BufferedDuckDBDialect")
