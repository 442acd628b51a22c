"""What is kept longer than need be is told with its size, and goes when it is asked; nothing younger goes."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from daily_customers import CUSTOMERS, customer_file, deliver
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.ledger.loads import conservation
from pipelines.orchestration.preparation import prepare
from pipelines.retention.prunable import Prunable, prunable_files, prunable_rows, prunable_runs

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def told(found: list[Prunable]) -> list[tuple[str, int]]:
    return [(one.what, one.count) for one in found]


def test_a_row_leaves_quarantine_when_its_contract_says_so_and_stays_counted(branch: LoadingHome):
    deliver(branch, 1, customer_file(*range(1, 40)) + 'K99,"broken\n')
    branch.load(CUSTOMERS)
    keeps = feeds()[CUSTOMERS].quarantine_days
    last_day = date(2024, 1, 1) + timedelta(keeps)
    with connected(branch.settings, branch.settings.warehouse) as warehouse:
        before = conservation(warehouse)
        assert list(prunable_rows(warehouse, last_day)) == []
        (found,) = prunable_rows(warehouse, last_day + timedelta(1))
        assert (found.count, found.size) == (1, len('K99,"broken'))
        assert warehouse.execute("select count(*) from quarantine.rows").fetchone() == (1,)
        found.remove()
        assert warehouse.execute("select count(*) from quarantine.rows").fetchone() == (0,)
        assert conservation(warehouse) == before


def test_old_versions_go_but_the_last_and_so_do_batches_that_were_never_loaded(home: LoadingHome):
    home.settings.versions.mkdir(parents=True)
    names = [f"crm-2024010{day}T000000000000-aaaaaaaa.duckdb" for day in (1, 2, 3)]
    for name, days in zip(names, (100, 20, 200), strict=True):
        file = home.settings.versions / name
        file.write_bytes(b"12345")
        os.utime(file, (age(days), age(days)))
    loaded, killed = (home.settings.archive / CUSTOMERS / f"batch_id={name}" for name in "ab")
    for folder in (loaded, killed):
        folder.mkdir(parents=True)
        (folder / "data_0.parquet").write_bytes(b"123")
    (loaded / "manifest.json").touch()
    found = list(prunable_files(home.settings, NOW, 90))
    assert told(found) == [("published files older than 90 days", 1), ("archived batches that were never loaded", 1)]
    assert [one.size for one in found] == [5, 3]
    for one in found:
        one.remove()
    assert sorted(path.name for path in home.settings.versions.iterdir()) == names[1:]
    assert loaded.exists() and not killed.exists()


def age(days: int) -> float:
    return (NOW - timedelta(days)).timestamp()


@dg.op
def speaks(context: dg.OpExecutionContext) -> None:
    context.log.info("something")


@dg.job
def talk() -> None:
    speaks()


def test_a_run_of_dagster_goes_with_its_events_and_files(home: LoadingHome, monkeypatch: pytest.MonkeyPatch):
    for name in home.settings.child_environment():
        monkeypatch.setenv(name, "")
    prepare(home.settings)
    with dg.DagsterInstance.get() as instance:
        run_id = talk.execute_in_process(instance=instance).run_id
    assert list(prunable_runs(home.settings, datetime.now(UTC), 1)) == []
    (found,) = prunable_runs(home.settings, datetime.now(UTC) + timedelta(days=2), 1)
    assert found.count == 1 and found.size > 10_000
    found.remove()
    assert files_of(home.settings.dagster_home, run_id) == []
    with dg.DagsterInstance.get() as instance:
        assert not instance.get_run_by_id(run_id) and not instance.all_logs(run_id)


def files_of(folder: Path, run_id: str) -> list[str]:
    """The files that hold the run's id, by name or by content."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and (run_id in path.name or run_id.encode() in path.read_bytes()) and path.suffix != ".db-wal"
    ]
