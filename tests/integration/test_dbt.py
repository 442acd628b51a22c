"""The dbt project by itself: its unit tests hold in every time zone, and dbt has nothing to say against it."""

from __future__ import annotations

import json
import re
import shutil
from copy import deepcopy
from typing import Any

import duckdb
import pytest

from pipelines.contracts import feeds
from pipelines.publishing.schemas import published_schemas

from .homes import ZONE, dbt, dbt_target


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York"])
def test_the_unit_tests_of_the_models_hold_in(zone, copy):
    done = dbt(copy, "test", "--select", "test_type:unit", "--show-all-deprecations", zone=zone)
    assert done.returncode == 0, done.stdout
    results = json.loads((dbt_target(copy, zone) / "run_results.json").read_text(encoding="utf-8"))["results"]
    verdicts = [result["status"] for result in results if result["unique_id"].startswith("unit_test.")]
    assert len(verdicts) > 20
    assert set(verdicts) == {"pass"}
    assert "Deprecat" not in done.stdout, done.stdout
    # What was parsed in one home is taken over in its copy, which spares each test with a copy five seconds.
    assert ("Unable to do partial parsing" in done.stdout) == (zone != ZONE), done.stdout


def test_a_run_s_dbt_log_holds_neither_a_warning_nor_a_deprecation(built):
    log = (built.folder / "dbt" / "last_run.log").read_text(encoding="utf-8")
    assert "WARN=0 ERROR=0" in log
    assert [line for line in log.splitlines() if "deprecat" in line.lower() or "[WARNING]" in line] == []


def test_every_model_has_a_description_and_every_published_column_too(built):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert [name for name, node in models.items() if not node["description"]] == []
    published = {node["name"] for node in models.values() if node["schema"] in published_schemas()}
    assert published == {node["name"] for node in models.values() if node["database"] == "candidate"}
    columns = built.ask_published("select table_name, column_name from duckdb_columns() where not internal")
    assert {table for table, _ in columns} == published
    undescribed = [
        f"{table}.{column}"
        for table, column in columns
        if not models[table]["columns"].get(column, {}).get("description")
    ]
    assert undescribed == []


def reads_past_staging(manifest: dict[str, Any]) -> list[str]:
    """Models, tests and other nodes outside models/staging that depend on a source."""
    return sorted(
        node["name"]
        for node in manifest["nodes"].values()
        if not node["original_file_path"].startswith("models/staging/")
        and any(parent.startswith("source.") for parent in node.get("depends_on", {}).get("nodes", []))
    )


def test_only_staging_reads_sources(built):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    assert reads_past_staging(manifest) == []
    for name in ("model.crm_warehouse.mart_rfm", "test.crm_warehouse.core_calls_are_conserved"):
        planted = deepcopy(manifest)
        planted["nodes"][name]["depends_on"]["nodes"].append("source.crm_warehouse.ledger.company")
        assert reads_past_staging(planted) == [name.rpartition(".")[2]]


def test_what_a_feed_fills_depends_on_it_in_dbt_s_graph(built):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    parents = manifest["parent_map"]
    for feed in feeds().values():
        for model in feed.fills:
            above, ahead = set(), {f"model.crm_warehouse.{model}"}
            while ahead:
                ahead = {parent for node in ahead for parent in parents[node]} - above
                above |= ahead
            assert f"source.crm_warehouse.{feed.source}.{feed.table}" in above, f"{model} does not read {feed.name}"


def test_broken_rules_are_said_with_their_column_and_keys_and_no_personal_data(copy):
    shutil.copyfile(copy.published, copy.candidate)
    with duckdb.connect(str(copy.candidate)) as candidate:
        calls = "select call_id from core.fct_call order by call_id limit 2"
        (first,), (second,) = candidate.execute(calls).fetchall()
        candidate.execute(f"update core.fct_call set agent_id = 'nobody' where call_id in ({calls})")
        candidate.execute("insert into core.fct_call from core.fct_call where call_id = ?", [first])
    with duckdb.connect(str(copy.warehouse)) as warehouse:
        (name,) = warehouse.execute("select min(name) from identity.names").fetchone()
        warehouse.execute("insert into identity.names from identity.names where name = ?", [name])
        warehouse.execute("insert into identity.names (name) values (null)")
    done = dbt(copy, "test", "--select", "fct_call_rows_hold", "stg_resolution__names_rows_hold")
    assert done.returncode == 1, done.stdout
    # dbt's threads end the tests in any order.
    assert sorted(re.findall("refused: (.*)", done.stdout)) == [
        f"fct_call: 1 row breaks the rule: call_id is unique, for example call_id {first}",
        f"fct_call: 3 rows break the rule: agent_id is in dim_employee, for example call_id {first} and {second}",
        "stg_resolution__names: 1 row breaks the rule: name is not null",
        "stg_resolution__names: 1 row breaks the rule: name is unique",
    ]
    assert name not in done.stdout


def test_every_constraint_of_a_contract_is_one_of_its_table(built):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    declared = set()
    for node in models:
        for constraint in node["constraints"]:
            declared |= {(node["name"], constraint["type"], column) for column in constraint["columns"]}
        for column in node["columns"].values():
            assert not column["constraints"] or node["config"]["contract"]["enforced"], node["name"]
            declared |= {(node["name"], constraint["type"], column["name"]) for constraint in column["constraints"]}
    tables = {node["name"] for node in models}
    kinds = "lower(replace(constraint_type, ' ', '_'))"
    query = f"select table_name, {kinds}, unnest(constraint_column_names) from duckdb_constraints()"
    found = {row for row in [*built.ask(query), *built.ask_published(query)] if row[0] in tables}
    # DuckDB lists the columns of a primary key as not null too.
    implied = {(table, "not_null", column) for table, kind, column in declared if kind == "primary_key"}
    assert found - implied == declared - implied
    assert len([one for one in declared if one[1] == "check"]) > 50


def test_a_model_that_breaks_the_types_of_its_contract_is_refused(copy):
    with duckdb.connect(str(copy.warehouse)) as warehouse:
        warehouse.execute("alter table ledger.loads alter delivery_date type timestamp")
    shutil.copyfile(copy.published, copy.candidate)
    done = dbt(copy, "run", "--select", "stg_ledger__loads", "stg_ledger__gate_results", "fct_quality_result")
    assert done.returncode == 1, done.stdout
    assert "fct_quality_result breaks its contract: delivery_date is TIMESTAMP and should be DATE" in done.stdout
