"""Who opens the warehouse for writing waits a little for its readers, and then names the one who stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines import connections
from pipelines.connections import connected, locked_error
from pipelines.errors import LockedError

_READ = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _a_reader(path: object) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(
        [sys.executable, "-c", _READ, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        yield process


@pytest.fixture
def warehouse(home):
    with connected(home.settings, home.settings.warehouse) as connection:
        connection.execute("create table one as select 1")
    return home.settings.warehouse


def test_a_writer_outlasts_a_reader_who_closes_the_file(home, warehouse):
    with _a_reader(warehouse) as reader:
        reader.stdin.close()
        with connected(home.settings, warehouse) as connection:
            assert connection.execute("select count(*) from one").fetchone() == (1,)


def test_a_reader_who_stays_is_named_by_process(home, warehouse, monkeypatch):
    monkeypatch.setattr(connections, "_RETRY_SECONDS", 0.5)
    with (
        _a_reader(warehouse) as reader,
        pytest.raises(LockedError, match=f"open in another program, process {reader.pid}"),
        connected(home.settings, warehouse),
    ):
        pass


def test_a_reader_does_not_keep_a_reader_out(home, warehouse):
    with _a_reader(warehouse), connected(home.settings, warehouse, read_only=True) as connection:
        assert connection.execute("select count(*) from one").fetchone() == (1,)


def test_the_lock_is_found_in_a_message_that_was_broken_into_lines():
    error = locked_error(
        'Runtime Error\n  IO Error: Could not set lock on\n  file "/h/warehouse.duckdb": Conflicting lock is held in\n'
        "  /usr/bin/python3 (PID 4711). See also https://duckdb.org"
    )
    assert error is not None
    assert error.cause == "/h/warehouse.duckdb: the file is open in another program, process 4711"


@pytest.mark.parametrize("message", ["IO Error: No space left on device", "the block is locked", ""])
def test_another_error_is_not_taken_for_a_lock(message):
    assert locked_error(message) is None
