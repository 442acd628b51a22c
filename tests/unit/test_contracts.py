"""Contracts are whole, models documented, no YAML key is idle. That no feed lacks a piece: test_adding_a_feed.py."""

import importlib
import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from pipelines.contracts import SNAPSHOT_COLUMNS, SYSTEM_COLUMNS, Column, DeliveryTerms, Feed, feeds
from pipelines.publishing.publication import audited_tables
from pipelines.publishing.schemas import schema_by_folder
from pipelines.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "models"
YAML_FILES = sorted(
    path.relative_to(PROJECT_ROOT).as_posix()
    for folder in ("models", "seeds", "dbt_project")
    for path in (PROJECT_ROOT / folder).rglob("*.yml")
    if path.parent.name != "docs"
)
TYPE = re.compile(r"varchar|date|timestamp|integer|decimal\([0-9]+,[0-9]+\)")


@cache
def content(path: str) -> dict[str, Any]:
    return yaml.safe_load((PROJECT_ROOT / path).read_text(encoding="utf-8"))


def documented_models() -> dict[str, dict[str, Any]]:
    return {model["name"]: model for path in YAML_FILES for model in content(path).get("models", [])}


def model_files() -> dict[str, Path]:
    return {path.stem: path for suffix in ("sql", "py") for path in MODELS.rglob(f"*.{suffix}")}


def test_every_feed_is_named_after_its_source_and_table() -> None:
    assert len(feeds()) >= 18
    for name, feed in feeds().items():
        assert name == f"{feed.source}__{feed.table}"


def suite_modules() -> set[str]:
    """The modules of suites; `rules` builds them, and `batches` is run for every delivery."""
    return {path.stem for path in (PROJECT_ROOT / "expectations").glob("*.py")} - {"__init__", "rules", "batches"}


def suites_that_nothing_runs(modules: set[str]) -> set[str]:
    """The suites neither of a feed, whose gate runs it, nor of a published table, whose audit runs it."""
    published = {f"{schema_by_folder()[path.parent.name]}__{path.stem}" for path in (MODELS / "marts").rglob("*.sql")}
    return modules - set(feeds()) - published


def test_the_audit_runs_every_suite_of_a_published_table() -> None:
    assert set(audited_tables()) == suite_modules() - set(feeds())


def test_every_feed_has_a_suite_of_its_name_and_every_suite_a_table() -> None:
    assert suites_that_nothing_runs(suite_modules()) == set()
    modules = suite_modules()
    assert modules >= set(feeds())
    for module in sorted(modules):
        suite = importlib.import_module(f"expectations.{module}").SUITE
        assert suite.name == module
        assert suite.expectations, f"{module} expects nothing"


@pytest.mark.parametrize(
    "planted",
    ["core__mart_rfm", "marts__mart_rfn", "semantic__mart_rfm", "branch__customer", "mart_rfm", "mart__dim_customer"],
)
def test_a_suite_that_nothing_runs_is_noticed(planted: str) -> None:
    assert suites_that_nothing_runs({*suite_modules(), planted}) == {planted}


def test_every_dimension_and_fact_that_a_feed_fills_is_published() -> None:
    published = {path.stem for path in (MODELS / "marts").rglob("*.sql")}
    assert {model for feed in feeds().values() for model in feed.fills} <= published


def test_a_feed_comes_after_those_its_keys_point_to() -> None:
    order = list(feeds())
    for name, feed in feeds().items():
        for other in feed.references:
            assert order.index(other) < order.index(name)


@pytest.mark.parametrize("name", feeds())
def test_a_contract_is_whole(name: str) -> None:
    feed = feeds()[name]
    columns = feed.columns_by_name
    assert len(columns) == len(feed.columns)
    assert feed.tolerance_reason
    own = len(SYSTEM_COLUMNS) + (len(SNAPSHOT_COLUMNS) if feed.brings == "snapshot" else 0)
    assert len(feed.raw_columns()) == own + len(columns) + len(feed.companions), "a companion has a column's name"
    for key in feed.key:
        assert columns[key].required, f"{key} is part of the key"
    for column in feed.columns:
        assert TYPE.fullmatch(column.data_type), column.name
        assert column.description.strip(), column.name
        if column.references:
            assert column.name.endswith("_key") and column.references in feeds(), column.name
        if column.values:
            assert column.data_type == "varchar" and len(set(column.values)) == len(column.values), column.name
        if column.code:
            assert column.data_type == "varchar" and not (column.private or column.values), column.name
        if column.not_after_delivery:
            assert column.data_type in ("date", "timestamp"), column.name
        if column.data_type in ("date", "timestamp") and column.required:
            assert column.minimum, f"{column.name}: a required date has its earliest day"


def test_text_that_may_be_published_is_a_key_a_code_or_a_name_of_a_thing() -> None:
    # The currency has its own rule.
    things = {"branch_name", "product_name", "campaign_name", "province", "district", "town", "currency"}
    for name, feed in feeds().items():
        for column in feed.columns:
            has_domain = column.private or column.code or column.values or column.name.endswith("_key")
            assert has_domain or column.data_type != "varchar" or column.name in things, f"{name}.{column.name}"


def test_every_private_text_says_what_it_holds_or_is_a_key() -> None:
    for name, feed in feeds().items():
        for column in feed.columns:
            if column.private and column.data_type == "varchar":
                assert feed.kind_of(column.name) in ("key", "name", "contact", "free_text"), f"{name}.{column.name}"
            if column.holds:
                assert column.private and column.data_type == "varchar", f"{name}.{column.name}"


def test_a_column_is_a_key_before_anything_else() -> None:
    customers, transactions = feeds()["branch__customers"], feeds()["branch__transactions"]
    kinds = {name: customers.kind_of(name) for name in ("customer_key", "person_key", "area_key", "area_system")}
    assert set(kinds.values()) == {"key"}
    assert [customers.kind_of(name) for name in ("sex", "occupation", "phone", "birth_date")] == [
        "code",
        "code",
        "contact",
        None,
    ]
    assert transactions.kind_of("amount") == "amount"


@pytest.mark.parametrize(
    ("of", "word"), [(Column, "requird"), (DeliveryTerms, "dueTime"), (Feed, "tolerence")], ids=str
)
def test_a_misspelt_word_in_a_contract_is_an_error(of: type, word: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        of.model_validate({word: True})


@cache
def dbt_schema() -> dict[str, Any]:
    return json.loads((resources.files("dbt") / "jsonschemas/resources/latest.json").read_text(encoding="utf-8"))


def yaml_faults(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(dbt_schema())
    return [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in validator.iter_errors(document)]


@pytest.mark.parametrize("path", YAML_FILES)
def test_dbt_knows_every_key_of_the_yaml(path: str) -> None:
    assert yaml_faults(content(path)) == []


@pytest.mark.parametrize(
    "model",
    [
        {"name": "a", "descripton": "x"},
        {"name": "a", "columns": [{"name": "b", "data_test": ["unique"]}]},
        {"name": "a", "config": {"materialised": "table"}},
    ],
)
def test_a_misspelt_key_of_the_yaml_is_noticed(model: dict[str, Any]) -> None:
    assert yaml_faults({"version": 2, "models": [model | {"description": "x"}]})


def test_every_model_is_documented_and_every_document_has_its_model() -> None:
    assert set(documented_models()) == set(model_files())


def test_every_model_says_what_a_row_is() -> None:
    for name, model in documented_models().items():
        assert re.match(r"One (row|line)\b", " ".join(model.get("description", "").split())), name


def test_every_published_column_is_described_and_typed() -> None:
    for path in sorted((MODELS / "marts").rglob("*.sql")):
        model = documented_models()[path.stem]
        assert model["config"]["contract"] == {"enforced": True}, path.stem
        assert model["columns"], path.stem
        for column in model["columns"]:
            described = str(column.get("description", "")).strip()
            assert described, f"{path.stem}.{column['name']} is not described"
            assert column.get("data_type"), f"{path.stem}.{column['name']} has no type"
