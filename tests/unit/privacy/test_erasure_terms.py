"""What the models say about an erasure: each says it, and two customers of one month are erased of every table."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pydantic import ValidationError

from pipelines.privacy import published_file
from pipelines.privacy.erased_rows import ERASED
from pipelines.privacy.erasure_terms import ErasureTerms, erasure_terms
from pipelines.publishing.schemas import published_schemas, schema_by_folder
from pipelines.settings import PROJECT_ROOT

MARTS = PROJECT_ROOT / "models" / "marts"
IDS = {
    "customer_row_id": ["one from 1900", "other from 1900", "third from 1900", ERASED],
    "customer_id": ["one", "other", "third", ERASED],
}
THEIRS = [own[place] for own in IDS.values() for place in (0, 1)]
AMOUNTS = [1, 2, 4, 8]
"""What the rows of one, of other, of third and of the erased member have in each column of a number."""

Table = tuple[dict[str, str], list[str], ErasureTerms]
"""Columns with their types, the columns that a row is known by, and the terms."""


def documents() -> dict[str, dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in MARTS.rglob("*.yml")]
    return {model["name"]: model for text in texts for model in yaml.safe_load(text).get("models", [])}


def published() -> dict[str, Table]:
    return {name: table(model, erasure_terms()[name]) for name, model in documents().items()}


def table(model: dict[str, Any], terms: ErasureTerms) -> Table:
    grain = model["config"]["meta"]["grain"]
    names = grain if isinstance(grain, list) else [name.strip() for name in grain.split(",")]
    return {column["name"]: column["data_type"] for column in model["columns"]}, names, terms


CUSTOMER_MONTH = {"customer_id": "varchar", "month_start_date": "date", "sale_amount": "decimal(18,2)"}


def customer_month(**terms: Any) -> Table:
    """A table that has a row for each customer and month, on these terms."""
    said = ErasureTerms(customer_columns=["customer_id"], **terms)
    return CUSTOMER_MONTH, ["customer_id", "month_start_date"], said


def rows_of(one: Table) -> list[dict[str, Any]]:
    """A row of each of four customers, of one month: alike in all but customer, numbers and the table's own key."""
    columns, grain, terms = one
    rows = []
    for place, amount in enumerate(AMOUNTS):
        row: dict[str, Any] = {}
        for name, data_type in columns.items():
            is_key = name == terms.customer_made_key or (name in grain and not {*grain} & {*terms.customer_columns})
            if name in terms.customer_columns:
                row[name] = IDS.get(name, IDS["customer_id"])[place]
            elif is_key:
                row[name] = f"200{place}-01-01"
            elif name in terms.erased_values:
                row[name] = place < 2
            elif name in terms.added_columns or (is_number(data_type) and terms.erasure != "add_to_erased"):
                row[name] = Decimal(amount)
            elif is_number(data_type):
                row[name] = Decimal(1)
            else:
                row[name] = {"varchar": "same", "boolean": "true", "time": "08:00"}.get(data_type, "2024-05-01")
        rows.append(row)
    return rows


def is_number(data_type: str) -> bool:
    return data_type in ("integer", "bigint", "double") or data_type.startswith("decimal")


def erased(one: Table) -> list[dict[str, str | None]]:
    """The rows as texts after `one` and `other` were erased."""
    columns, _, terms = one
    rows = rows_of(one)
    definition = f"({', '.join(f'{name} {data_type}' for name, data_type in columns.items())})"
    with duckdb.connect() as connection:
        connection.execute("create table before " + definition)
        connection.execute("create table after " + definition)
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"insert into before values ({marks})", [list(row.values()) for row in rows])
        connection.execute("create temp table theirs as select unnest(?) as id", [THEIRS])
        query = published_file._rows("before", list(columns), terms, "salt")
        connection.execute(f"insert into after by name {query}")
        texts = connection.execute("select columns(*)::varchar from after").fetchall()
        return [dict(zip(columns, row, strict=True)) for row in texts]


def faults(one: Table) -> list[str]:
    """What is wrong with the table after `one` and `other` were erased, in words."""
    columns, grain, terms = one
    before, after = rows_of(one), erased(one)
    found = []
    if any(value in THEIRS for row in after for value in row.values()):
        found.append("an id is left")
    if len({tuple(row[name] for name in grain) for row in after}) < len(after):
        found.append("two rows have one key")
    if terms.erasure == "drop":
        if len(after) != 2:
            found.append("other rows than theirs went, or theirs stayed")
        return found
    for name, data_type in columns.items():
        # A number that is not added is the same in all rows that are added, as a rate is.
        is_total = is_number(data_type) and (terms.erasure != "add_to_erased" or name in terms.added_columns)
        if is_total and sum(Decimal(row[name] or 0) for row in after) != sum(row[name] for row in before):
            found.append(f"the total of {name} is another")
    if terms.erasure == "to_erased" and len(after) != len(before):
        found.append("rows vanished")
    return found


def test_every_published_table_says_what_an_erasure_does_with_its_rows() -> None:
    models = {path.stem: path.parent.name for path in MARTS.rglob("*.sql")}
    assert set(erasure_terms()) == set(models)
    assert {schema_by_folder()[folder] for folder in models.values()} == set(published_schemas())


@pytest.mark.parametrize(
    "meta",
    [
        {"grain": "customer_id"},
        {"grain": "customer_id", "erasure": "keep"},
        {"grain": "customer_id", "erasure": "drop"},
        {"grain": "customer_id", "erasure": "none", "customer_columns": ["customer_id"]},
        {"grain": "customer_id", "erasure": "drop", "customer_colums": ["customer_id"]},
        {"grain": "customer_id", "erasure": "add_to_erased", "customer_columns": ["customer_id"]},
        {"grain": "customer_id", "erasure": "drop", "customer_columns": ["customer_id"], "added_columns": ["amount"]},
    ],
    ids=str,
)
def test_a_table_that_does_not_say_it_or_says_it_wrong_is_noticed(meta: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(MARTS, tmp_path / "marts")
    planted = {"version": 2, "models": [{"name": "mart_planted", "config": {"meta": meta}}]}
    (tmp_path / "marts" / "_planted__models.yml").write_text(yaml.safe_dump(planted), encoding="utf-8")
    with pytest.raises(ValidationError):
        erasure_terms(tmp_path / "marts")


@pytest.mark.parametrize("name", erasure_terms())
def test_the_terms_name_columns_of_the_table_and_all_that_hold_a_customer(name: str) -> None:
    columns, _, terms = published()[name]
    assert terms.columns <= set(columns)
    named = {column for column in columns if re.search("customer(_row)?_id$", column)}
    assert named <= set(terms.customer_columns)


@pytest.mark.parametrize("name", erasure_terms())
def test_two_customers_of_one_month_are_erased_of_every_table(name: str) -> None:
    assert faults(published()[name]) == []


def test_rows_that_are_added_are_one_row_of_the_erased_member() -> None:
    columns, grain, terms = published()["fct_refusal_check"]
    assert terms.erasure == "add_to_erased"
    third, member = sorted(erased((columns, grain, terms)), key=lambda row: row["customer_id"] == ERASED)
    assert (third["customer_id"], third["entry_count"], third["is_matched"]) == ("third", "4", "false")
    assert (member["customer_id"], member["customer_row_id"]) == (ERASED, ERASED)
    assert (member["entry_count"], member["counted_entry_count"], member["is_matched"]) == ("11", "11", "false")


def test_a_customer_s_month_collides_as_the_erased_member_s_and_stays_where_it_is_added() -> None:
    assert faults(customer_month(erasure="to_erased")) == ["two rows have one key"]
    assert faults(customer_month(erasure="add_to_erased", added_columns=["sale_amount"])) == []
    assert [row["sale_amount"] for row in erased(customer_month(erasure="drop"))] == ["4.00", "8.00"]
