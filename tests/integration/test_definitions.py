"""What Dagster is given: the job, schedule and sensor, a check per feed and dbt test, and what a run recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts import feeds
from pipelines.publish import PUBLISHED_TABLES_ALONE, audited_tables

from .homes import Home

_TELL = """
import json, os
from dagster import DagsterEventType, DagsterInstance, EventRecordsFilter
from pipelines.home import prepare
from pipelines.settings import Settings
prepare(Settings.from_environment())
from pipelines.definitions import defs

repository = defs.get_repository_def()
checks = [key for asset in repository.assets_defs_by_key.values() for key in asset.check_keys]
told = {
    "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
    "executor": defs.resolve_job_def("warehouse").executor_def.name,
    "schedules": [
        [one.name, one.cron_schedule, one.execution_timezone, one.default_status.value, one.job_name]
        for one in repository.schedule_defs
    ],
    "sensors": [[one.name, one.default_status.value, one.minimum_interval_seconds] for one in repository.sensor_defs],
    "assets": sorted(key.to_user_string() for key in repository.assets_defs_by_key),
    "partitioned": sorted(
        key.to_user_string() for key, asset in repository.assets_defs_by_key.items() if asset.partitions_def
    ),
    "checks": sorted({f"{key.asset_key.to_user_string()}:{key.name}" for key in checks}),
    "runs": [],
    "evaluations": [],
}
with DagsterInstance.get() as instance:
    for run in instance.get_runs():
        told["runs"].append([run.job_name, run.status.value])
        for record in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            one = record.dagster_event.event_specific_data
            told["evaluations"].append([
                f"{one.asset_key.to_user_string()}:{one.check_name}",
                one.passed,
                {name: getattr(value, "value", None) for name, value in one.metadata.items()},
            ])
print("@@" + json.dumps(told, default=str))
"""


@pytest.fixture(scope="module")
def told(built: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the definitions of the built home hold, and what Dagster's own storage has kept of its run."""
    home = built.copied_to(tmp_path_factory.mktemp("told") / "home")
    done = home.python(_TELL)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("@@")[1])


def test_the_definitions_validate_in_a_fresh_home(tmp_path):
    home = Home(tmp_path / "home")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "dagster"), "definitions", "validate", "-m", "pipelines.definitions"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=home.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


def test_there_is_one_job_in_one_process(told):
    assert told["jobs"] == ["warehouse"]
    assert told["executor"] == "in_process"


def test_the_schedule_runs_at_five_in_the_company_s_zone_and_is_on_by_default(told):
    assert told["schedules"] == [["every_morning", "0 5 * * *", "Asia/Seoul", "RUNNING", "warehouse"]]


def test_the_sensor_looks_every_minute_and_is_on_by_default(told):
    assert told["sensors"] == [["arriving_files", "RUNNING", 60]]


def test_only_the_deliveries_are_partitioned(told):
    assert told["partitioned"] == ["deliveries"]


def test_every_feed_is_an_asset_with_a_gate_check(told):
    for feed in feeds().values():
        assert f"{feed.source}/{feed.table}" in told["assets"]
        assert f"{feed.source}/{feed.table}:gate" in told["checks"]


def test_every_dbt_test_is_a_check(built, told):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    checks = {check.split(":", 1)[1] for check in told["checks"]}
    assert len(tests) > 80
    assert tests - checks == set()


def test_every_audited_table_is_a_check_of_the_candidate(told):
    for name in (PUBLISHED_TABLES_ALONE, *audited_tables()):
        assert f"published/candidate:{name}" in told["checks"]


def test_the_run_succeeded_and_evaluated_every_check(told):
    assert told["runs"] == [["warehouse", "SUCCESS"]]
    assert {name for name, _, _ in told["evaluations"]} == set(told["checks"])
    # So small a company gets no response in a month: an optional feed is overdue, and only a warning.
    assert [name for name, passed, _ in told["evaluations"] if not passed] == ["ledger/shortfalls:freshness"]


def test_the_gate_checks_carry_counts_that_add_up(built, told):
    found = {name: metadata for name, _, metadata in told["evaluations"]}
    for feed in feeds().values():
        metadata = found[f"{feed.source}/{feed.table}:gate"]
        parts = ("loaded", "quarantined", "duplicate", "unchanged", "blocked")
        assert metadata["rows read"] == sum(metadata[f"rows {part}"] for part in parts)
        assert [(metadata["batches"], metadata["rows read"])] == built.ask(
            "select count(*), coalesce(sum(rows_read), 0)::bigint from ledger.loads where feed = ?", [feed.name]
        )
    transactions = found["branch/transactions:gate"]
    assert (transactions["rows quarantined"], transactions["rows duplicate"]) == (1, 1)
    customers = found["branch/customers:gate"]
    assert "| every value has its type | holds back | 1 | 1 of " in customers["failed rules"]
    assert found["ledger/loads:conservation"]["quarantined"] == 2


def test_the_checks_of_dbt_and_of_the_audit_carry_counts(told):
    for name, _, metadata in told["evaluations"]:
        if name.startswith("published/candidate:"):
            assert metadata["rules"] >= 1, name
        elif not name.endswith((":gate", ":conservation", ":required_deliveries")):
            assert any(isinstance(value, int | float) for value in metadata.values()), f"{name}: {metadata}"


# Dagster's own pages launch a range of the partitioned asset, and what hangs on it, with these two tags alone.
_REPAIR = """
from dagster import AssetKey, DagsterInstance
from pipelines.home import prepare
from pipelines.settings import Settings
prepare(Settings.from_environment())
from pipelines.definitions import defs

with DagsterInstance.get() as instance:
    result = defs.resolve_job_def("warehouse").execute_in_process(
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": "2024-01-10",
            "dagster/asset_partition_range_end": "2024-01-12",
        },
        asset_selection=[AssetKey("deliveries"), AssetKey(["branch", "transactions"]), AssetKey(["dm", "mailings"])],
    )
print("@@" + result.run_id)
"""


def test_a_backfill_from_dagster_s_own_pages_loads_its_range_again(built, copy):
    done = copy.python(_REPAIR)
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.split("@@")[1].strip()
    again = copy.ask("select feed, delivery_date::varchar from ledger.loads where run_id = ? order by all", [run_id])
    assert again == [
        *[("branch__transactions", f"2024-01-{day}") for day in (10, 11, 12)],
        ("dm__mailings", "2024-01-10"),
    ]
    raw = "select * from raw.branch__transactions order by all"
    assert copy.ask(raw) == built.ask(raw)
