"""The document about a person has each row once, with its place and fate, and nobody else's; who asked is logged."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.ledger.accesses import Access, accesses, record_access
from pipelines.ledger.decisions import Author
from pipelines.ledger.export import export_state, import_state
from pipelines.ledger.tables import create_tables
from pipelines.person.holdings import find_holdings
from pipelines.person.person import find_person, shared_values
from pipelines.privacy.document import person_document

AUTHOR = Author("officer", datetime(2024, 2, 1, 9), "request 4711")


@pytest.fixture(scope="module")
def warehouse(person_home: LoadingHome) -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(person_home.settings, person_home.settings.warehouse) as opened:
        yield opened


@pytest.fixture(scope="module")
def document(warehouse: duckdb.DuckDBPyConnection, person_home: LoadingHome) -> dict[str, Any]:
    person = find_person(warehouse, "branch:K00001")
    shared_names = shared_values(warehouse, person, ["name"])["name"]
    holdings = find_holdings(warehouse, person_home.settings, person_home.sources_file(), person, shared_names)
    made = person_document(warehouse, person_home.settings, person, holdings)
    return json.loads(json.dumps(made, ensure_ascii=False))


def fates(document: dict[str, Any], feed: str) -> list[tuple[int, str, str]]:
    return sorted((row["row_number"], row["belongs_by"], row["fate"]) for row in document["sources"][feed]["rows"])


def test_each_row_is_told_once_with_what_became_of_it(document):
    assert fates(document, "branch__customers") == [
        (1, "customer", "loaded"),
        (2, "customer", "loaded"),
        (2, "customer", "superseded"),
        (64, "text", "held back: open"),
        (64, "text", "superseded"),
    ]
    assert fates(document, "dm__mailings") == [(2, "customer", "loaded"), (3, "named", "loaded")]
    assert "branch__employees" not in document["sources"]


def test_a_row_tells_its_file_and_its_values_as_loaded_or_as_delivered(document):
    rows = {(row["row_number"], row["fate"]): row for row in document["sources"]["branch__customers"]["rows"]}
    loaded, superseded, held = rows[2, "loaded"], rows[2, "superseded"], rows[64, "held back: open"]
    assert loaded["file"].endswith("branch__customers.csv") and loaded["delivery_date"] == "2024-01-31"
    assert loaded["row"]["birth_date"] == "1980-07-16" and loaded["row"]["phone"] == "01056261111"
    assert superseded["row"]["phone"] == "010-9999-0000"
    assert held["row"] == 'K00003,"하늘별 010-5626-1111' and held["reasons"]


def test_nobody_elses_values_are_told(document):
    text = json.dumps(document, ensure_ascii=False)
    assert "하늘별" in text
    assert "남남이" not in text and "010-2222-2222" not in text and "other@example.com" not in text


def test_an_access_is_logged_numbered_and_kept_for_a_rebuild(new_home):
    home = new_home()
    told = [
        Access(2, "id", "officer", AUTHOR.decided_at, "request 4711", "4711.json"),
        Access(1, "id", "officer", AUTHOR.decided_at, "request 4711", None),
    ]
    with connected(home.settings, home.settings.warehouse) as warehouse:
        create_tables(warehouse)
        for written_to in (None, "4711.json"):
            record_access(warehouse, "id", AUTHOR, written_to)
        assert accesses(warehouse, None, 20) == told == accesses(warehouse, ["id"], 20)
        assert accesses(warehouse, ["another"], 20) == []
        export_state(warehouse, home.settings)
    new = replace(home.settings, warehouse_name="warehouse.duckdb.rebuilt")
    with connected(new, new.warehouse) as rebuilt:
        create_tables(rebuilt)
        import_state(rebuilt, new)
        assert accesses(rebuilt, None, 20) == told


def test_a_warehouse_from_before_there_was_a_log_still_exports_its_decisions(new_home):
    home = new_home()
    with connected(home.settings, home.settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute("drop table state.accesses")
        export_state(warehouse, home.settings)
    assert (home.settings.state / "identity_models.parquet").exists()
