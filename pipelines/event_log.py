"""Makes Dagster's event log in SQLite quick enough for a run of some seconds.

Dagster opens and closes the file for each of a run's thousand events and waits for the disk each time. What was loaded
and published is told by the warehouse's own ledger, so the log's last events may be lost with a machine's power.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextmanager
def quick_event_log() -> Iterator[None]:
    """While it lasts, SQLite files in write-ahead mode stay open, and their commits do not wait for the disk."""
    kept: dict[str, sqlite3.Connection] = {}

    def hasten(connection: object, record: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
            return
        # In this mode a file stays whole without waiting: the log is synchronised before it is copied into the file.
        connection.execute("pragma synchronous = normal")
        path = connection.execute("pragma database_list").fetchone()[2]
        if path not in kept:
            # The last connection to close copies the log and removes it; this one keeps the others from being the last.
            kept[path] = sqlite3.connect(path, check_same_thread=False)
            kept[path].execute("select count(*) from sqlite_master").fetchone()

    event.listen(Engine, "connect", hasten)
    try:
        yield
    finally:
        event.remove(Engine, "connect", hasten)
        for connection in kept.values():
            connection.close()
