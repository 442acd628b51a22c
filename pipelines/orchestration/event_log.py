"""Makes Dagster's event log in SQLite quick enough for a run of some seconds.

Dagster makes an engine, opens the file, waits for the disk and closes the file again for each of a run's thousand
events. What was loaded and published is told by the warehouse's own ledger, so the log's last events may be lost with a
machine's power.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import Engine, QueuePool, event


class _Kept(QueuePool):
    """A pool whose connections outlast the engine's disposal, by which Dagster ends each event; `end` closes them.

    Dagster asks the file for its tables in the middle of a transaction. That question has a connection of its own here,
    as it has without this module: the end of it rolls back what its connection has open.
    """

    def dispose(self) -> None:
        pass

    def recreate(self) -> "_Kept":
        return self

    def end(self) -> None:
        super().dispose()


@contextmanager
def quick_event_log() -> Iterator[None]:
    """While it lasts, each file of the log has one engine and stays open, and commits do not wait for the disk."""
    create_engine = sqlite_event_log.create_engine
    engines: dict[str, Engine] = {}

    def engine_of(url: str, connect_args: dict[str, Any], **_: Any) -> Engine:
        if url not in engines:
            # The log's own lock lets one thread at a time use it.
            arguments = {**connect_args, "check_same_thread": False}
            # An engine that is kept has compiled its statements once.
            engines[url] = create_engine(url, poolclass=_Kept, connect_args=arguments)
            event.listen(engines[url], "connect", _do_not_wait)
        return engines[url]

    sqlite_event_log.create_engine = engine_of  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite_event_log.create_engine = create_engine
        for engine in engines.values():
            assert isinstance(engine.pool, _Kept)
            engine.pool.end()


def _do_not_wait(connection: Any, _: Any) -> None:
    """Have a new connection leave its commits to the system, which writes them some seconds later.

    In write-ahead mode, which the log has, a file stays whole without waiting: the log is synchronised before it is
    copied into the file.
    """
    connection.execute("pragma synchronous = normal")
