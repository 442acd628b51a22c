"""Dagster's event log stays open and does not wait for the disk while a run lasts, and is whole afterwards."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from pipelines.event_log import quick_event_log

NORMAL, FULL = 1, 2


def engine_of(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table events (number integer)")
    connection.close()
    return path


def synchronous(path: Path) -> int:
    with engine_of(path).connect() as connection:
        return int(connection.execute(text("pragma synchronous")).scalar_one())


def test_commits_do_not_wait_for_the_disk_while_it_lasts(log: Path):
    with quick_event_log():
        assert synchronous(log) == NORMAL
    assert synchronous(log) == FULL


def test_the_log_is_not_copied_at_every_close_but_at_the_end(log: Path):
    ahead = log.with_name(log.name + "-wal")
    with quick_event_log():
        with engine_of(log).begin() as connection:
            connection.execute(text("insert into events values (1)"))
        assert ahead.stat().st_size > 0
    assert not ahead.exists()
    with sqlite3.connect(log) as connection:
        assert connection.execute("select count(*) from events").fetchone() == (1,)


def test_a_file_in_another_mode_is_left_alone(tmp_path: Path):
    with quick_event_log():
        assert synchronous(tmp_path / "plain.db") == FULL
