"""The dbt project by itself: its unit tests hold in every time zone, and dbt has nothing to say against it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from pipelines.contracts import feeds
from pipelines.publishing.schemas import published_schemas

from .homes import ZONE, dbt, dbt_target


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York"])
def test_the_unit_tests_of_the_models_hold_in(zone, copy):
    done = dbt(copy, "test", "--select", "test_type:unit", "--show-all-deprecations", zone=zone)
    assert done.returncode == 0, done.stdout
    results = json.loads((dbt_target(copy, zone) / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert len(results) > 20
    assert {result["status"] for result in results} == {"pass"}
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
