"""The content hash: blind to row order and run metadata, and to nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from pipelines.publishing.content_hash import content_hash, published_tables, table_hash

_TABLE = """
create schema core;
create schema marts;
create schema staging;
create table core.dim_customer (
    customer_id varchar, region varchar, share double, amount decimal(18,2), built_at timestamp
);
insert into core.dim_customer values
    ('a', 'Seoul', 0.1, 10.00, '2024-01-01'),
    ('b', null, 0.2, 20.00, '2024-01-01'),
    ('c', '', null, null, '2024-01-01');
comment on column core.dim_customer.built_at is 'When the row was built: run metadata.';
create table marts.mart_rfm as select 1 as recency_score;
create table staging.customers as select 1 as one;
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        found.execute(_TABLE)
        yield found


def _after(connection: duckdb.DuckDBPyConnection, change: str) -> tuple[str, str]:
    before = content_hash(connection, "memory")
    connection.execute(change)
    return before, content_hash(connection, "memory")


@pytest.mark.parametrize(
    "change",
    [
        "create or replace table core.dim_customer as from core.dim_customer order by customer_id desc; "
        "comment on column core.dim_customer.built_at is 'run metadata'",
        "update core.dim_customer set built_at = '2025-06-07'",
        "update core.dim_customer set share = 0.1 + 1e-12 where customer_id = 'a'",
        "update staging.customers set one = 2",
        "create table staging.more as select 1 as one",
        "create view core.a_view as select 1 as one",
        "comment on column core.dim_customer.region is 'Region of the home address'",
    ],
    ids=[
        "row order",
        "run metadata",
        "noise of doubles",
        "another schema",
        "another table there",
        "a view",
        "a comment",
    ],
)
def test_the_hash_stays_whatever_changes_beside_the_content(connection, change):
    before, after = _after(connection, change)
    assert before == after


@pytest.mark.parametrize(
    "change",
    [
        "update core.dim_customer set amount = 10.01 where customer_id = 'a'",
        "update core.dim_customer set share = 0.1 + 1e-6 where customer_id = 'a'",
        "update core.dim_customer set region = '' where customer_id = 'b'",
        "update core.dim_customer set region = 'Seoul' where customer_id = 'b'",
        "insert into core.dim_customer from core.dim_customer where customer_id = 'a'",
        "insert into core.dim_customer from core.dim_customer union all from core.dim_customer",
        "delete from core.dim_customer where customer_id = 'c'",
        "update core.dim_customer set customer_id = 'x', region = 'aSeoul' where customer_id = 'a'",
        "alter table core.dim_customer rename column region to province",
        "alter table marts.mart_rfm rename to mart_value",
        "create table marts.mart_more as select 1 as one limit 0",
    ],
)
def test_the_hash_changes_with_any_value_row_column_or_table(connection, change):
    before, after = _after(connection, change)
    assert before != after


def test_two_rows_that_swap_values_change_the_hash(connection):
    before, after = _after(
        connection,
        "update core.dim_customer set amount = 30.00 - amount where customer_id in ('a', 'b')",
    )
    assert before != after, "sums per column are the same"


def test_values_do_not_run_into_the_next_column(connection):
    connection.execute(
        "create table marts.left as select 'ab' as x, 'c' as y; create table marts.right as select 'a' as x, 'bc' as y"
    )
    assert table_hash(connection, "memory", "marts", "left") != table_hash(connection, "memory", "marts", "right")


def test_an_empty_table_has_a_hash(connection):
    connection.execute("delete from marts.mart_rfm")
    assert table_hash(connection, "memory", "marts", "mart_rfm").endswith("0:0")


def test_only_the_tables_of_core_and_marts_are_published(connection):
    assert published_tables(connection, "memory") == [("core", "dim_customer"), ("marts", "mart_rfm")]


def test_a_customer_counts_as_its_records_whichever_of_them_founded_it(connection):
    connection.execute(
        """
        create or replace table core.dim_customer as
        select 'b1' as customer_id, 'row of b1' as customer_row_id, date '1900-01-01' as valid_from;
        create table core.bridge_customer_source as from (values
            ('b1', 'b1', 'branch', '1', null::date), ('s9', 'b1', 'shop', '9', null)
        ) as records (customer_source_id, customer_id, source_system, source_key, valid_to);
        """
    )
    renamed = """
        update core.dim_customer set customer_id = 's9', customer_row_id = 'row of s9';
        update core.bridge_customer_source set customer_id = 's9'
    """
    before, after = _after(connection, renamed)
    assert before == after
    before, after = _after(
        connection, "update core.bridge_customer_source set customer_id = 'x' where source_key = '9'"
    )
    assert before != after
    before, after = _after(
        connection, "insert into core.bridge_customer_source values ('s9', 's9', 'shop', '9', '2024-02-01')"
    )
    assert before == after, "whom a record was taken for before is the ledger's memory"
