"""A delivery that comes late, through load, gate and a real run: history is mended, and nothing else changes."""

from __future__ import annotations

from .homes import MOVER, UNTESTED, CommandHome, deliver_late

# Every fact that carries the row of its customer, and its key.
_FACTS = """
select columns.table_name, first.column_name
from duckdb_columns() as columns
inner join duckdb_columns() as first using (schema_name, table_name)
where
    columns.schema_name = 'core' and starts_with(table_name, 'fct_')
    and columns.column_name = 'customer_row_id' and first.column_index = 1
"""


def _facts(home: CommandHome) -> dict[tuple[str, str], str]:
    """(table, key of the row) -> the customer's row that it carries, of all facts."""
    return {
        (table, key): row
        for table, column in home.ask_published(_FACTS)
        for key, row in home.ask_published(f"select {column}, customer_row_id from core.{table}")
    }


def _history(home: CommandHome, customer_id: str) -> list[tuple]:
    return home.ask_published(
        "select valid_from::varchar, valid_to::varchar, district, is_current, customer_row_id "
        "from core.dim_customer where customer_id = ? order by valid_from",
        [customer_id],
    )


def test_a_back_dated_address_lands_in_its_interval_and_re_keys_only_that_customer_s_facts(copy):
    [(customer_id,)] = copy.ask_published(
        "select customer_id from core.bridge_customer_source where source_key = ? and source_system = 'branch'", [MOVER]
    )
    before, facts_before = _history(copy, customer_id), _facts(copy)
    others_before = copy.ask_published(
        "from core.dim_customer where customer_id <> ? order by customer_row_id", [customer_id]
    )
    assert [row[:2] for row in before] == [("1900-01-01", "2024-01-20"), ("2024-01-20", None)]
    deliver_late(copy, "20240110")

    assert "loaded" in copy.succeed("run", "--today", "2024-02-01", preamble=UNTESTED)

    assert copy.ask(
        "select rows_read, rows_loaded from ledger.loads where part = 'late' and feed = 'branch__customers'"
    ) == [(1, 1)]
    after, facts_after = _history(copy, customer_id), _facts(copy)
    assert [row[:2] for row in after] == [
        ("1900-01-01", "2024-01-10"),
        ("2024-01-10", "2024-01-20"),
        ("2024-01-20", None),
    ]
    assert after[0][2] == before[0][2]
    assert after[1][2] not in (before[0][2], before[1][2])
    assert (after[0][4], after[2]) == (before[0][4], before[1]), "what is not touched keeps its key"
    assert (
        copy.ask_published("from core.dim_customer where customer_id <> ? order by customer_row_id", [customer_id])
        == others_before
    )
    re_keyed = {key for key, row in facts_after.items() if row != facts_before[key]}
    assert facts_after.keys() == facts_before.keys()
    assert {facts_after[key] for key in re_keyed} == {after[1][4]}
    assert {facts_before[key] for key in re_keyed} == {before[0][4]}
    assert re_keyed == {key for key, row in facts_after.items() if row == after[1][4]}
