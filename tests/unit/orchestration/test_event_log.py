"""Dagster's event log stays open and does not wait for the disk while a run lasts, and is whole afterwards."""

import sqlite3
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    MaterializeResult,
    asset,
    define_asset_job,
)
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


@asset(
    partitions_def=DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01"),
    backfill_policy=BackfillPolicy.single_run(),
)
def days() -> MaterializeResult:
    return MaterializeResult(metadata={"rows": 3})


@asset(deps=[days], check_specs=[AssetCheckSpec("good", asset="rows"), AssetCheckSpec("bad", asset="rows")])
def rows() -> MaterializeResult:
    results = [AssetCheckResult(check_name="good", passed=True), AssetCheckResult(check_name="bad", passed=False)]
    return MaterializeResult(check_results=results)


def recorded(folder: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What the index of a new instance tells of a run of the two assets: events with their assets, and checks."""
    definitions = Definitions(assets=[days, rows], jobs=[define_asset_job("both")])
    tags = {"dagster/asset_partition_range_start": "2024-01-05", "dagster/asset_partition_range_end": "2024-01-09"}
    folder.mkdir()
    with DagsterInstance.local_temp(str(folder)) as instance:
        definitions.resolve_job_def("both").execute_in_process(instance=instance, tags=tags)
    with sqlite3.connect(folder / "history" / "runs" / "index.db") as connection:
        events = "select dagster_event_type, asset_key, partition from event_logs order by 1, 2, 3"
        checks = "select asset_key, check_name, execution_status from asset_check_executions order by 1, 2"
        return connection.execute(events).fetchall(), connection.execute(checks).fetchall()


def test_a_run_leaves_the_same_materialisations_partitions_and_checks_as_without_it(tmp_path: Path):
    plain = recorded(tmp_path / "plain")
    with quick_event_log():
        quick = recorded(tmp_path / "quick")
    assert quick == plain
    done = {partition for kind, _, partition in plain[0] if kind == "ASSET_MATERIALIZATION"}
    assert done == {None, *(f"2024-01-0{day}" for day in range(5, 10))}
    assert len(plain[1]) == 2


def test_a_question_within_a_transaction_takes_nothing_back(log: SqliteEventLogStorage):
    with quick_event_log():
        with log.index_connection() as connection:
            connection.execute(text("create table scribble (one integer)"))
        with log.index_connection() as connection:
            connection.execute(text("insert into scribble values (1)"))
            assert log.has_table("scribble")
        with log.index_connection() as connection:
            assert connection.execute(text("select count(*) from scribble")).scalar_one() == 1


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
