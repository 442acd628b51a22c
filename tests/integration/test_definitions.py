"""What Dagster is given: the job, schedule and sensor, a check per feed and dbt test, and what a run recorded."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.contracts import feeds
from pipelines.orchestration.code_location import LOCATION_NAME
from pipelines.publishing.publication import PUBLISHED_TABLES_ALONE, audited_tables

from .homes import PROJECT_ROOT, CommandHome

WORKSPACE = str(PROJECT_ROOT / "workspace.yaml")

_TELL = """
import json, os
from dagster import DagsterEventType, DagsterInstance, EventRecordsFilter
from pipelines.orchestration.preparation import prepare
import json, os, sqlite3
from dagster import DagsterEventType, DagsterInstance, RunsFilter
from pipelines.orchestration.preparation import prepare
from pipelines.settings import Settings
prepare(Settings.from_environment())
from pipelines.definitions import defs

repository = defs.get_repository_def()
checks = [key for asset in repository.assets_defs_by_key.values() for key in asset.check_keys]
HISTORY = os.environ["DAGSTER_HOME"] + "/history/runs/"
RECORDED = "select dagster_event_type, asset_key, partition from event_logs where dagster_event_type like 'ASSET%'"

def recorded(file):
    with sqlite3.connect(HISTORY + file + ".db") as connection:
        return connection.execute(RECORDED + " order by 1, 2, 3").fetchall()
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
    "descriptions": {
        f"{spec.asset_key.to_user_string()}:{spec.name}": spec.description
        for asset in repository.assets_defs_by_key.values() for spec in asset.check_specs
    },
    "owners": sorted({owner for asset in repository.assets_defs_by_key.values() for spec in asset.specs
                      for owner in spec.owners or ["nobody"]}),
    "runs": [],
    "recorded": [],
    "evaluations": [],
}
with DagsterInstance.get() as instance:
    # What the job's page and the timeline ask for.
    of_location = RunsFilter(job_name="warehouse", tags={".dagster/repository": "__repository__@crm_warehouse"})
    for run in instance.get_runs(of_location):
        origin = run.remote_job_origin.repository_origin
        told["runs"].append([run.job_name, run.status.value, origin.code_location_origin.location_name])
        told["recorded"].append([recorded("index"), recorded(run.run_id)])
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
def told(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the definitions of the built home hold, and what Dagster's own storage has kept of its run."""
    home = built.copied_to(tmp_path_factory.mktemp("told") / "home")
    done = home.python(_TELL)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("@@")[1])


def test_the_definitions_validate_in_a_fresh_home(tmp_path):
    home = CommandHome(tmp_path / "home")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dagster"),
            "definitions",
            "validate",
            "-w",
            str(PROJECT_ROOT / "workspace.yaml"),
        ],
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


def test_every_dbt_test_is_a_check_with_a_short_name_and_is_named_in_its_description(built, told):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    tests = sorted(node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test")
    named = [found[1] for text in told["descriptions"].values() if (found := re.search("In dbt: `(.+)`", text))]
    assert len(tests) > 80
    assert sorted(named) == tests
    assert max(len(check.split(":", 1)[1]) for check in told["checks"]) <= 60


def test_every_check_is_described_and_every_asset_has_an_owner(told):
    assert sorted(told["descriptions"]) == told["checks"]
    assert [check for check, text in told["descriptions"].items() if not text] == []
    assert told["owners"] == ["team:crm-warehouse"]


def test_the_workspace_has_the_name_that_the_command_line_s_runs_carry():
    (location,) = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    assert location["python_module"] == {"module_name": "pipelines.definitions", "location_name": LOCATION_NAME}


def test_every_audited_table_is_a_check_of_the_candidate(told):
    for name in (PUBLISHED_TABLES_ALONE, *audited_tables()):
        assert f"published/candidate:{name}" in told["checks"]


def test_the_run_succeeded_and_evaluated_every_check(told):
    assert told["runs"] == [["warehouse", "SUCCESS", "crm_warehouse"]]
    assert {name for name, _, _ in told["evaluations"]} == set(told["checks"])
    # So small a company gets no response in a month: an optional feed is overdue, and only a warning.
    assert [name for name, passed, _ in told["evaluations"] if not passed] == ["ledger/shortfalls:freshness"]


def test_the_run_is_recorded_for_the_pages_of_assets_as_it_is_for_its_own(told):
    # Dagster writes what concerns assets twice: into the run's file, and into the index that all other pages read.
    ((index, of_run),) = told["recorded"]
    assert index == of_run
    done = [tuple(rest) for kind, *rest in index if kind == "ASSET_MATERIALIZATION"]
    days = [("deliveries", f"2024-01-{day:02}") for day in range(1, 32)]
    others = [(asset, None) for asset in told["assets"] if asset != "deliveries"]
    assert sorted((("/".join(json.loads(key)), day) for key, day in done), key=str) == sorted(days + others, key=str)


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
import json
from dagster import AssetKey, DagsterInstance
from pipelines.orchestration.preparation import prepare
from pipelines.orchestration.event_log import quick_event_log
from pipelines.orchestration.preparation import prepare
from pipelines.settings import Settings
prepare(Settings.from_environment())
from pipelines.definitions import defs

DELIVERIES = AssetKey("deliveries")
SOME = [DELIVERIES, AssetKey(["branch", "transactions"]), AssetKey(["dm", "mailings"])]
TAGS = {
    "dagster/asset_partition_range_start": "2024-01-10",
    "dagster/asset_partition_range_end": "2024-01-12",
}

def repair(instance, keys):
    job = defs.resolve_job_def("warehouse")
    return job.execute_in_process(instance=instance, tags=TAGS, asset_selection=keys).run_id

with DagsterInstance.get() as instance:
    plain = repair(instance, SOME)
    with quick_event_log():
        quick = repair(instance, SOME)
    alone = repair(instance, [DELIVERIES])
print("@@" + json.dumps([plain, quick, alone]))
"""


@pytest.fixture(scope="module")
def repaired(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandHome, list[str]]:
    """A home where three days were loaded three times again: two feeds by Dagster alone, quickly, and every feed."""
    home = built.copied_to(tmp_path_factory.mktemp("repaired") / "home")
    done = home.python(_REPAIR)
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout.split("@@")[1])


_LOADED = "select feed, delivery_date::varchar from ledger.loads where run_id = ? order by all"


def test_a_backfill_from_dagster_s_own_pages_loads_its_range_again(built, repaired):
    home, (plain, quick, _) = repaired
    for run_id in (plain, quick):
        assert home.ask(_LOADED, [run_id]) == [
            *[("branch__transactions", f"2024-01-{day}") for day in (10, 11, 12)],
            ("dm__mailings", "2024-01-10"),
        ]
    raw = "select * from raw.branch__transactions order by all"
    assert home.ask(raw) == built.ask(raw)


def test_a_backfill_of_the_deliveries_alone_loads_every_feed_of_its_range_again(built, repaired):
    home, (_, _, alone) = repaired
    days = "delivery_date between '2024-01-10' and '2024-01-12'"
    delivered = f"select feed, delivery_date::varchar from ledger.loads where is_current and {days} order by all"
    again = home.ask(_LOADED, [alone])
    assert [line for line in again if "2024-01-10" <= line[1] <= "2024-01-12"] == built.ask(delivered)
    assert {feed for feed, _ in again} >= {"branch__customers", "branch__transactions", "call_center__calls"}
    for feed in feeds():
        raw = f"select * from raw.{feed} order by all"
        assert home.ask(raw) == built.ask(raw), feed


def test_a_quick_run_leaves_in_the_event_log_what_a_plain_one_leaves(repaired):
    home, (plain, quick, _) = repaired
    events = "select dagster_event_type, asset_key, partition from event_logs where run_id = ? order by 1, 2, 3"
    checks = "select asset_key, check_name, execution_status from asset_check_executions where run_id = ? order by 1, 2"
    with sqlite3.connect(home.folder / "dagster" / "history" / "runs" / "index.db") as index:
        for query in (events, checks):
            assert index.execute(query, [quick]).fetchall() == index.execute(query, [plain]).fetchall()
        kinds = Counter(kind for kind, *_ in index.execute(events, [quick]))
    assert kinds["ASSET_MATERIALIZATION"] == 3 + 2, "three days and two feeds"
    assert kinds["ASSET_CHECK_EVALUATION"] == 2
