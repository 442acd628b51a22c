"""Makes Dagster's event log in SQLite quick enough for a run of some seconds.

Dagster makes an engine, opens the file, waits for the disk and closes the file again for each of a run's thousand
events. What was loaded and published is told by the warehouse's own ledger, so the log's last events may be lost with a
machine's power.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import Engine, NullPool, make_url


class _Open(sqlite3.Connection):
    """A connection that outlasts the engines' closing it; `end` closes it."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


@contextmanager
def quick_event_log() -> Iterator[None]:
    """While it lasts, each file of the log has one engine and stays open, and commits do not wait for the disk."""
    create_engine = sqlite_event_log.create_engine
    connections: list[_Open] = []
    engines: dict[str, Engine] = {}

    def engine_of(url: str, connect_args: dict[str, Any], **_: Any) -> Engine:
        if url not in engines:
            file = make_url(url).database or ""
            # The log's own lock lets one thread at a time use it.
            connection = sqlite3.connect(file, check_same_thread=False, factory=_Open, **connect_args)
            # In write-ahead mode, which the log has, a file stays whole without waiting: the log is synchronised before
            # it is copied into the file.
            connection.execute("pragma synchronous = normal")
            connections.append(connection)
            # An engine that is kept has compiled its statements once.
            engines[url] = create_engine(url, poolclass=NullPool, creator=lambda: connection)
        return engines[url]

    sqlite_event_log.create_engine = engine_of  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite_event_log.create_engine = create_engine
        for connection in connections:
            connection.end()
