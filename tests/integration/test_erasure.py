"""Erasing as a privacy officer meets it: what the command says, and what is published afterwards."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest

from pipelines.privacy.erasure_terms import erasure_terms

from .homes import UNTESTED, CommandHome


@pytest.fixture(scope="module")
def customers(built: CommandHome) -> list[str]:
    """Two customers with purchases, contracts and calls, as system:number."""
    rows = built.ask(
        "select source_system || ':' || customer_key from raw.branch__customers "
        "where customer_key in (select customer_key from raw.branch__transactions) "
        "and customer_key in (select customer_key from raw.call_center__calls) "
        "and customer_key in (select customer_key from raw.branch__contracts) "
        "group by all order by all limit 2"
    )
    return [name for (name,) in rows]


@pytest.fixture(scope="module")
def erased(
    built: CommandHome, customers: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[CommandHome, str]:
    """A home of which two customers were erased, and what the command said."""
    home = built.copied_to(tmp_path_factory.mktemp("erased") / "home")
    return home, home.succeed("erase", *customers, "--reason", "requests of May", "--by", "officer", "--yes")


def totals(home: CommandHome) -> dict[str, tuple[Any, ...]]:
    """Fact, or contracts and their holders -> the number of rows and the sum of each whole or decimal column."""
    found = {}
    tables = "select table_name from duckdb_tables() where schema_name = 'core' and regexp_matches(table_name, $name)"
    for (table,) in home.ask_published(tables, {"name": "^(fct_|dim_contract|bridge_contract)"}):  # type: ignore[arg-type]
        columns = home.ask_published(
            "select column_name from duckdb_columns() where schema_name = 'core' and table_name = ? "
            "and regexp_matches(data_type, 'DECIMAL|INT')",
            [table],
        )
        sums = "".join(f", sum({name})" for (name,) in columns)
        (found[table],) = home.ask_published(f"select count(*){sums} from core.{table}")
    return found


def test_totals_of_every_published_fact_stay_to_the_last_won(built, erased):
    before = totals(built)
    assert totals(erased[0]) == before
    assert before["fct_transaction"][0] > 0


def test_facts_of_erased_customers_are_published_for_the_erased_member(built, erased, customers):
    theirs = "select count(*), sum(amount) from core.fct_transaction where customer_id"
    names = [name.split(":")[1] for name in customers]
    before = built.ask_published(
        f"{theirs} in (select customer_id from core.bridge_customer_source where list_contains(?, source_key))", [names]
    )
    assert erased[0].ask_published(f"{theirs} = '-3'") == before
    assert built.ask_published(f"{theirs} = '-3'") == [(0, None)]
    known = "select count(*) from core.bridge_customer_source where list_contains(?, source_key)"
    assert erased[0].ask_published(known, [names]) == [(0,)]


def columns_with_a_customer(home: CommandHome) -> dict[str, set[str]]:
    """Published table -> the columns that hold the id of a customer, or of a row of one."""
    customers = (
        "select unnest([customer_id, customer_row_id]) from core.dim_customer "
        "where customer_id not in ('-1', '-2', '-3')"
    )
    found: dict[str, set[str]] = {}
    for schema, table, column in home.ask_published(
        "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"
    ):
        if home.ask_published(f"select 1 from {schema}.{table} where {column} in ({customers}) limit 1"):
            found.setdefault(table, set()).add(column)
    return found


def test_every_column_with_a_customer_is_named_by_the_table_s_model(built):
    found = columns_with_a_customer(built)
    # A record has an id of its own, and its customer is named after the record that founded it.
    assert found["bridge_customer_source"] == {"customer_source_id", "customer_id"}
    found["bridge_customer_source"].remove("customer_source_id")
    named = {table: set(terms.customer_columns) for table, terms in erasure_terms().items()}
    assert {table: columns - named[table] for table, columns in found.items() if columns - named[table]} == {}
    assert len(found) >= 14


def test_nobody_asks_any_longer_what_erased_customers_had_allowed(built, erased):
    home = erased[0]
    for table in ("core.dim_consent", "core.dim_permission", "marts.mart_contactability"):
        assert home.ask_published(f"select count(*) from {table} where customer_id = '-3'") == [(0,)]
        rows = f"select count(*) from {table}"
        assert built.ask_published(rows)[0] > home.ask_published(rows)[0]


def test_the_command_proves_that_nothing_is_left(erased):
    home, text = erased
    (line,) = [line for line in text.splitlines() if "in all" in line]
    before, after = (int(cell.strip(" \u2502").replace(",", "")) for cell in line.split("\u2502")[2:4])
    assert before > 0
    assert after == 0
    assert re.search(r", publish [0-9.]+, search after ", text)
    assert list((home.folder / "published" / "versions").iterdir()) == []


@pytest.fixture(scope="module")
def rebuilt(erased: tuple[CommandHome, str], tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """The same home after a run, which builds everything anew."""
    home = erased[0].copied_to(tmp_path_factory.mktemp("rebuilt") / "home")
    home.succeed("run", preamble=UNTESTED)
    return home


def test_the_next_run_changes_nothing_but_what_is_worked_out_over_all_customers(erased, rebuilt):
    tables = erased[0].ask_published("select schema_name || '.' || table_name from duckdb_tables() order by all")
    with duckdb.connect() as connection:
        for name, home in (("erased", erased[0]), ("rebuilt", rebuilt)):
            connection.execute(f"attach '{home.published}' as {name} (read_only)")
        differing = {
            table
            for (table,) in tables
            if connection.execute(
                f"from (from erased.{table} except all from rebuilt.{table}) "
                f"union all from (from rebuilt.{table} except all from erased.{table})"
            ).fetchone()
        }
    # Verdicts on contacts whose evidence is gone, parameters that are fitted to all, quintiles; and keys under a salt.
    assert differing <= {
        "marts.mart_consent_breach",
        "marts.mart_lifetime_value",
        "marts.mart_rfm",
        "core.bridge_contract_customer",
        "core.fct_refusal_check",
    }
    assert totals(rebuilt) == totals(erased[0])


def test_the_next_run_finds_no_evidence_for_what_erased_customers_were_sent(rebuilt):
    verdicts = "select distinct verdict_code from marts.mart_consent_breach where customer_id = '-3'"
    assert rebuilt.ask_published(verdicts) in ([], [("unproven",)])


def test_others_golden_records_can_still_be_looked_up_before_the_next_run(built, erased, customers):
    other = "select min(source_system || ':' || customer_key) from raw.branch__customers "
    ((name,),) = built.ask(f"{other} where not list_contains(?, source_system || ':' || customer_key)", [customers])
    shown = erased[0].succeed("identity", "show", name)
    assert "golden record" in shown
    assert shown.split("golden record")[1] == built.succeed("identity", "show", name).split("golden record")[1]


@pytest.mark.long
def test_a_day_before_the_erasure_is_made_again_without_the_erased(erased, tmp_path):
    home, _ = erased
    said = home.succeed("run", "--as-of", "2999-12-31", "--out", str(tmp_path / "then.duckdb"), preamble=UNTESTED)
    assert "2 persons were erased since" in said
    with duckdb.connect() as connection:
        for file, name in ((tmp_path / "then.duckdb", "remade"), (home.published, "published")):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        for table in ("fct_transaction", "fct_call", "dim_customer"):
            of_both = [
                f"select * exclude (customer_row_id) from {name}.core.{table}" for name in ("remade", "published")
            ]
            assert connection.execute(f"({of_both[0]}) except all ({of_both[1]})").fetchall() == [], table


def test_without_the_erasure_key_no_day_is_made_again(erased, tmp_path):
    home, _ = erased
    key = home.folder / "erasure.key"
    aside = key.rename(tmp_path / "key")
    done = home.crmdw("run", "--as-of", "2999-12-31", "--out", str(tmp_path / "then.duckdb"))
    aside.rename(key)
    assert done.returncode == 2
    assert str(key) in done.stderr.replace("\n", "")


def test_the_list_of_erasures_names_nobody(erased, customers):
    text = erased[0].succeed("erase", "list")
    assert "requests of May" in text and "officer" in text
    assert all(name.split(":")[1] not in text for name in customers)


def test_whom_nobody_knows_cannot_be_erased(built):
    done = built.crmdw("erase", "branch:nobody", "--reason", "r", "--yes")
    assert done.returncode == 2
    assert "no customer has this name" in done.stderr
