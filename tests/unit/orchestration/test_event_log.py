"""Dagster's event log stays open and does not wait for the disk while a run lasts, and is whole afterwards."""

import sqlite3
from pathlib import Path

import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import text

from pipelines.orchestration.event_log import quick_event_log

NORMAL, FULL = 1, 2


@pytest.fixture
def log(tmp_path: Path) -> SqliteEventLogStorage:
    return SqliteEventLogStorage(str(tmp_path))


def told(log: SqliteEventLogStorage, pragma: str) -> object:
    with log.index_connection() as connection:
        return connection.execute(text(f"pragma {pragma}")).scalar_one()


def test_commits_do_not_wait_for_the_disk_while_it_lasts(log: SqliteEventLogStorage):
    with quick_event_log():
        assert told(log, "synchronous") == NORMAL
    assert told(log, "synchronous") == FULL


def test_a_file_has_one_engine_and_one_connection_while_it_lasts(log: SqliteEventLogStorage):
    def opened() -> tuple[object, object]:
        with log.index_connection() as connection:
            return connection.engine, connection.connection.dbapi_connection

    with quick_event_log():
        assert opened() == opened()


def test_a_file_that_is_made_meanwhile_is_in_write_ahead_mode(tmp_path: Path):
    with quick_event_log():
        log = SqliteEventLogStorage(str(tmp_path))
        assert told(log, "journal_mode") == "wal"
    assert told(log, "journal_mode") == "wal"


def test_the_log_is_not_copied_at_every_close_but_at_the_end(log: SqliteEventLogStorage, tmp_path: Path):
    ahead = tmp_path / "index.db-wal"
    with quick_event_log():
        with log.index_connection() as connection:
            connection.execute(text("create table scribble as select 1 as one"))
        assert ahead.stat().st_size > 0
    assert not ahead.exists()
    with sqlite3.connect(tmp_path / "index.db") as connection:
        assert connection.execute("select count(*) from scribble").fetchone() == (1,)
