"""A home's tables that only lack columns of today get them in place; every other difference is refused with words."""

from __future__ import annotations

from datetime import datetime

import pytest
from daily_customers import CUSTOMERS, customer_file, deliver
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.errors import WarehouseError
from pipelines.ledger import tables as ledger
from pipelines.ledger.tables import create_tables, missing_columns
from pipelines.loading.look import look

NOW = datetime(2024, 1, 3).astimezone()


def change(home: LoadingHome, statement: str) -> None:
    with connected(home.settings, home.settings.warehouse) as warehouse:
        warehouse.execute(statement)


def columns(home: LoadingHome, schema: str, table: str) -> list[str]:
    found = home.rows(
        "select column_name from duckdb_columns() where schema_name = ? and table_name = ? order by column_index",
        schema,
        table,
    )
    return [name for (name,) in found]


@pytest.fixture
def loaded(branch: LoadingHome) -> LoadingHome:
    """A home with one loaded delivery."""
    deliver(branch, 1, customer_file(1, 2))
    branch.load(CUSTOMERS)
    return branch


def test_a_feed_whose_contract_gained_a_column_is_loaded_on_and_every_value_is_in_its_column(
    loaded: LoadingHome,
) -> None:
    before = columns(loaded, "raw", CUSTOMERS)
    change(loaded, f"alter table raw.{CUSTOMERS} drop column customer_name")
    deliver(loaded, 2, customer_file(3, name="이하나"))
    loaded.load(CUSTOMERS)
    after = columns(loaded, "raw", CUSTOMERS)
    assert set(after) == set(before) and after[-1] == "customer_name" != before[-1]
    query = f"select customer_key, customer_name, birth_date::varchar, batch_id is null from raw.{CUSTOMERS} order by 1"
    assert loaded.rows(query) == [
        ("K1", None, "1990-01-31", False),
        ("K2", None, "1990-01-31", False),
        ("K3", "이하나", "1990-01-31", False),
    ]


def test_a_key_of_another_system_comes_with_the_name_of_that_system(loaded: LoadingHome) -> None:
    change(loaded, f"alter table raw.{CUSTOMERS} drop column area_key")
    change(loaded, f"alter table raw.{CUSTOMERS} drop column area_system")
    deliver(loaded, 2, customer_file(3))
    assert loaded.load(CUSTOMERS).counts["loaded"] == 1
    assert columns(loaded, "raw", CUSTOMERS)[-2:] == ["area_key", "area_system"]


@pytest.mark.parametrize(
    ("schema", "table", "column"),
    [
        ("ledger", "loads", "fault"),
        ("ledger", "loads", "source_columns"),
        ("ledger", "publications", "judged_at"),
        ("quarantine", "rows", "record"),
        ("state", "identity_overrides", "undone_event_number"),
        ("state", "pruned_loads", "batch_id"),
        ("state", "erasures", "separated_file"),
    ],
)
def test_a_table_of_the_ledger_that_gained_a_column_gets_it_and_keeps_its_rows(
    loaded: LoadingHome, schema: str, table: str, column: str
) -> None:
    before = set(columns(loaded, schema, table))
    rows = loaded.rows(f"select count(*) from {schema}.{table}")
    change(loaded, f"alter table {schema}.{table} drop column {column}")
    deliver(loaded, 2, customer_file(3))
    assert loaded.load(CUSTOMERS).counts["loaded"] == 1
    assert set(columns(loaded, schema, table)) == before
    assert loaded.rows(f"select count(*) from {schema}.{table}") >= rows
    with connected(loaded.settings, loaded.settings.warehouse) as warehouse:
        assert missing_columns(warehouse) == []


def test_a_look_brings_the_tables_up_because_it_reads_columns_of_today(loaded: LoadingHome) -> None:
    change(loaded, "alter table ledger.loads drop column source_columns")
    assert look(loaded.settings, NOW).counts["loaded"] == 2
    assert columns(loaded, "ledger", "loads")[-1] == "source_columns"


def test_a_column_with_a_default_holds_it_in_the_rows_that_are_there(
    loaded: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    gained = "    currency varchar not null,\n    fiscal_month integer default 4,\n"
    monkeypatch.setattr(ledger, "_TABLES", ledger._TABLES.replace("    currency varchar not null,\n", gained))
    change(loaded, "insert into ledger.company values ('Asia/Seoul', 'KRW', null, '2024-01-01')")
    with connected(loaded.settings, loaded.settings.warehouse) as warehouse:
        create_tables(warehouse)
    assert loaded.rows("select currency, fiscal_month, complete_date from ledger.company") == [("KRW", 4, None)]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("alter table ledger.loads add column note varchar", "ledger.loads"),
        ("alter table raw.branch__customers alter birth_date type varchar", "raw.branch__customers"),
        ("alter table ledger.files rename size to bytes", "ledger.files"),
        # Neither could be filled for the rows that are there.
        ("alter table ledger.gate_results drop column observed", "ledger.gate_results"),
        ("alter table ledger.shortfalls drop column is_required", "ledger.shortfalls"),
        # Of a key that is there, nobody knows whose it is; and what is required is never empty.
        ("alter table raw.branch__customers drop column area_system", "raw.branch__customers"),
        ("alter table raw.branch__transactions drop column amount", "raw.branch__transactions"),
        # A snapshot that lacked it would be compared by another hash.
        ("alter table raw.demographics__areas drop column town", "raw.demographics__areas"),
    ],
)
def test_any_other_difference_is_refused_and_changes_nothing(loaded: LoadingHome, statement: str, named: str) -> None:
    change(loaded, "alter table ledger.loads drop column source_columns")
    change(loaded, statement)
    before = columns(loaded, *named.split("."))
    with pytest.raises(WarehouseError, match=f"other columns in {named}\nRemedy: run `crmdw rebuild`"):
        loaded.load(CUSTOMERS)
    with pytest.raises(WarehouseError, match=named):
        look(loaded.settings, NOW)
    assert columns(loaded, *named.split(".")) == before
    assert "source_columns" not in columns(loaded, "ledger", "loads")


def test_tables_of_which_one_cannot_be_made_stay_as_they_were(
    loaded: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(loaded, "alter table ledger.loads drop column source_columns")
    with connected(loaded.settings, loaded.settings.warehouse) as warehouse:
        missing = missing_columns(warehouse)
    assert missing == [("ledger", "loads", "source_columns", "VARCHAR")]
    monkeypatch.setattr(ledger, "missing_columns", lambda _: [*missing, ("ledger", "loads", "batch_id", "VARCHAR")])
    with pytest.raises(Exception, match="batch_id"):
        loaded.load(CUSTOMERS)
    assert "source_columns" not in columns(loaded, "ledger", "loads")
