"""The dbt project by itself: its unit tests hold in every time zone, and dbt has nothing to say against it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts import feeds

from .homes import PROJECT_ROOT, Home


def _dbt(home: Home, *arguments: str, zone: str = "Asia/Seoul") -> subprocess.CompletedProcess[str]:
    flags = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    return subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), *arguments, *flags],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.folder,
        env=home.environment(
            CRMDW_TIME_ZONE=zone,
            CRMDW_CURRENCY="KRW",
            # Zone and currency are read while parsing, so each zone parses for itself.
            DBT_TARGET_PATH=str(home.folder / "dbt" / zone.replace("/", "-")),
            DBT_LOG_PATH=str(home.folder / "dbt" / "logs"),
        ),
    )


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York"])
def test_the_unit_tests_of_the_models_hold_in(zone, copy):
    done = _dbt(copy, "test", "--select", "test_type:unit", "--show-all-deprecations", zone=zone)
    assert done.returncode == 0, done.stdout
    results = json.loads((copy.folder / "dbt" / zone.replace("/", "-") / "run_results.json").read_text())["results"]
    assert len(results) > 20
    assert {result["status"] for result in results} == {"pass"}
    assert "Deprecat" not in done.stdout, done.stdout


def test_a_run_s_dbt_log_holds_neither_a_warning_nor_a_deprecation(built):
    log = (built.folder / "dbt" / "last_run.log").read_text(encoding="utf-8")
    assert "WARN=0 ERROR=0" in log
    assert [line for line in log.splitlines() if "deprecat" in line.lower() or "[WARNING]" in line] == []


def test_every_model_has_a_description_and_every_published_column_too(built):
    manifest = json.loads((built.folder / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert [name for name, node in models.items() if not node["description"]] == []
    published = {node["name"] for node in models.values() if node["schema"] in ("core", "marts")}
    columns = built.ask_published("select table_name, column_name from duckdb_columns() where not internal")
    assert {table for table, _ in columns} == published
    undescribed = [
        f"{table}.{column}"
        for table, column in columns
        if not models[table]["columns"].get(column, {}).get("description")
    ]
    assert undescribed == []


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


# A copy of a record's first delivery under another date, with some values replaced: what a gate lets through.
_DELIVER = """
insert into raw.branch__customers by name
select * replace (? as batch_id, ?::date as delivery_date, coalesce(?, occupation) as occupation,
    coalesce(?, branch_key) as branch_key)
from raw.branch__customers
where customer_key = ?
order by delivery_date
limit 1
"""
_HISTORY = ["int_customer__golden_attribute", "int_customer__version", "dim_customer", "fct_transaction"]


def test_a_back_dated_change_lands_in_its_interval_and_re_keys_only_that_customer_s_facts(copy):
    customer_id, customer_key = copy.ask(
        """
        select sources.customer_id, any_value(sources.source_key)
        from core.bridge_customer_source as sources
        inner join core.fct_transaction as transactions using (customer_id)
        where (select count(*) from raw.branch__customers as raw where raw.customer_key = sources.source_key) = 1
        group by sources.customer_id
        having
            count(distinct sources.customer_source_id) = 1
            and count(*) filter (transaction_date between '2024-01-10' and '2024-01-19') > 0
            and count(*) filter (transaction_date not between '2024-01-10' and '2024-01-19') > 0
        order by sources.customer_id
        limit 1
        """
    )[0]
    [(home_branch, other_branch)] = copy.ask(
        "select customers.branch_key, min(branches.branch_key) from raw.branch__customers as customers "
        "inner join raw.branch__branches as branches on customers.branch_key <> branches.branch_key "
        "where customers.customer_key = ? group by customers.branch_key",
        [customer_key],
    )

    def deliver(day: str, occupation: str | None, branch_key: str | None) -> tuple[dict, set]:
        with duckdb.connect(str(copy.warehouse)) as warehouse:
            warehouse.execute(_DELIVER, [f"delivered for {day}", day, occupation, branch_key, customer_key])
        done = _dbt(copy, "run", "--select", *_HISTORY)
        assert done.returncode == 0, done.stdout
        facts = copy.ask(
            "select transaction_id, customer_id, transaction_date, customer_row_id from core.fct_transaction"
        )
        customers = copy.ask("from core.dim_customer where customer_id <> ?", [customer_id])
        return {fact[0]: fact[1:] for fact in facts}, set(customers)

    before, others_before = deliver("2024-01-20", "a new occupation", None)
    after, others_after = deliver("2024-01-10", None, other_branch)

    assert others_after == others_before
    intervals = copy.ask(
        "select valid_from::varchar, valid_to::varchar, occupation = 'a new occupation', branch_key, is_current "
        "from core.dim_customer inner join core.dim_branch using (branch_id) where customer_id = ? order by valid_from",
        [customer_id],
    )
    assert intervals == [
        ("1900-01-01", "2024-01-10", False, home_branch, False),
        ("2024-01-10", "2024-01-20", False, other_branch, False),
        ("2024-01-20", None, True, home_branch, True),
    ]
    moved = {key for key, fact in after.items() if fact != before[key]}
    assert moved == {
        key
        for key, (of_customer, day, _) in after.items()
        if of_customer == customer_id and "2024-01-10" <= str(day) < "2024-01-20"
    }
    assert moved
