"""The published file without erased persons: what goes, what becomes the erased member's, and when nothing is done."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from loading_home import LoadingHome

from pipelines.person.person import Person, SourceRecord
from pipelines.privacy import published_file
from pipelines.privacy.published_file import take_out
from pipelines.publishing import publication as publish
from pipelines.publishing.publication import Verdict, candidate_file
from pipelines.settings import Settings

_TABLES = """
create schema core;
create schema marts;
create table core.bridge_customer_source (customer_source_id varchar, customer_id varchar, valid_to date);
insert into core.bridge_customer_source values
    ('r1', 'c1', null), ('r2', 'c1', null), ('r2', 'c2', '2024-01-02'), ('r3', 'c3', null);
create table core.dim_customer (customer_row_id varchar primary key, customer_id varchar not null);
insert into core.dim_customer values
    ('-3', '-3'), ('c1 from 1900', 'c1'), ('c1 from 2024', 'c1'), ('c3 from 1900', 'c3');
comment on column core.dim_customer.customer_id is 'Customer';
create table core.dim_product (product_id varchar primary key);
insert into core.dim_product values ('p1');
create table core.bridge_contract_customer (contract_holder_id varchar, customer_id varchar);
insert into core.bridge_contract_customer values ('h1', 'c1'), ('h3', 'c3');
create table core.fct_transaction (
    transaction_id varchar, customer_id varchar, customer_row_id varchar, amount integer
);
insert into core.fct_transaction values ('t1', 'c1', 'c1 from 1900', 10), ('t3', 'c3', 'c3 from 1900', 30);
create table core.fct_refusal_check (
    refusal_check_id varchar, customer_id varchar, customer_row_id varchar, source_system varchar,
    refusal_list_code varchar, entry_count bigint, counted_entry_count bigint, is_matched boolean, checked_date date
);
insert into core.fct_refusal_check values
    ('a', '-3', '-3', 'desk', 'dnc', 1, 1, false, '2024-01-05'),
    ('b', 'c1', 'c1 from 1900', 'desk', 'dnc', 2, 1, true, '2024-01-05'),
    ('c', 'c1', 'c1 from 2024', 'desk', 'dnc', 4, 1, true, '2024-02-05'),
    ('d', 'c3', 'c3 from 1900', 'desk', 'dnc', 8, 1, true, '2024-02-05');
create table marts.mart_rfm (customer_id varchar, recency_score integer);
insert into marts.mart_rfm values ('c1', 5), ('c3', 1);
"""

PERSON = Person("c1", (SourceRecord("r1", "branch", "1"), SourceRecord("r2", "shop", "2")), ("c2",))


@pytest.fixture
def home(home: LoadingHome) -> LoadingHome:
    home.add_source("branch__branches", "branches.csv", {"branch_key": "number", "branch_name": "name"}, codec="utf-8")
    return home


@pytest.fixture
def settings(home: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a published file, whose tables have no suite."""
    monkeypatch.setattr(publish, "audited_tables", list)
    home.settings.published.mkdir()
    with duckdb.connect(str(home.settings.published_file)) as connection:
        connection.execute(_TABLES)
    return home.settings


def take(home: LoadingHome, person: Person = PERSON) -> bool:
    return take_out(home.settings, home.sources_file(), person)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.published_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_rows_of_the_person_go_and_rows_of_things_become_the_erased_member_s(home, settings):
    assert take(home)
    assert rows(settings, "from core.fct_transaction") == [("t1", "-3", "-3", 10), ("t3", "c3", "c3 from 1900", 30)]
    assert rows(settings, "from core.dim_customer") == [("-3", "-3"), ("c3 from 1900", "c3")]
    assert rows(settings, "from core.bridge_customer_source") == [("r3", "c3", None)]
    assert rows(settings, "from marts.mart_rfm") == [("c3", 1)]
    assert rows(settings, "from core.dim_product") == [("p1",)]


def test_a_key_with_the_customer_s_number_in_it_is_told_no_more(home, settings):
    assert take(home)
    holders = dict(rows(settings, "select customer_id, contract_holder_id from core.bridge_contract_customer"))
    assert holders["c3"] == "h3"
    assert len(holders["-3"]) == 32


def test_of_a_check_of_a_refusal_list_the_erased_member_has_one_row(home, settings):
    assert take(home)
    found = "select customer_id, customer_row_id, entry_count, counted_entry_count, is_matched"
    assert rows(settings, f"{found} from core.fct_refusal_check order by checked_date, customer_id") == [
        ("-3", "-3", 3, 2, False),
        ("-3", "-3", 4, 1, False),
        ("c3", "c3 from 1900", 8, 1, True),
    ]
    keys = [key for (key,) in rows(settings, "select refusal_check_id from core.fct_refusal_check")]
    assert len(set(keys)) == 3 and "d" in keys and not {"a", "b", "c"} & set(keys)


def test_keys_comments_and_mode_are_those_of_a_published_file_and_no_byte_of_the_person_is_left(home, settings):
    assert b"c1 from 2024" in settings.published_file.read_bytes()
    assert take(home)
    assert b"c1 from" not in settings.published_file.read_bytes()
    keys = "select table_name from duckdb_tables() where has_primary_key order by all"
    assert rows(settings, keys) == [("dim_customer",), ("dim_product",)]
    assert rows(settings, "select comment from duckdb_columns() where comment is not null") == [("Customer",)]
    assert settings.published_file.stat().st_mode & 0o777 == 0o444
    assert not candidate_file(settings).exists()


def before(settings: Settings) -> tuple[bytes, int, int]:
    """Bytes, time and inode of the published file: equal before and after, nobody has touched it."""
    status = settings.published_file.stat()
    return settings.published_file.read_bytes(), status.st_mtime_ns, status.st_ino


def test_where_another_s_record_was_published_as_the_same_customer_nothing_is_done(home, settings):
    with duckdb.connect(str(settings.published_file)) as connection:
        connection.execute("insert into core.bridge_customer_source values ('r4', 'c1', null)")
    unchanged = before(settings)
    assert not take(home)
    assert before(settings) == unchanged


def test_where_the_audit_refuses_the_file_nothing_is_done(home, settings, monkeypatch):
    monkeypatch.setattr(published_file, "audit_candidate", lambda _: [Verdict("a suite", 1, ["a fault"])])
    unchanged = before(settings)
    assert not take(home)
    assert before(settings) == unchanged


@pytest.mark.parametrize(
    "difference",
    [
        "create table marts.mart_of_nobody (customer_id varchar)",
        "alter table core.fct_transaction drop customer_row_id",
    ],
)
def test_where_a_table_is_not_as_its_model_says_nothing_is_done(home, settings, difference):
    with duckdb.connect(str(settings.published_file)) as connection:
        connection.execute(difference)
    unchanged = before(settings)
    assert not take(home)
    assert before(settings) == unchanged


def test_a_row_that_names_no_customer_stays_as_it_is(home, settings):
    with duckdb.connect(str(settings.published_file)) as connection:
        connection.execute("insert into core.fct_transaction values ('t0', null, null, 5)")
        connection.execute("insert into marts.mart_rfm values (null, 3)")
    assert take(home)
    assert rows(settings, "from core.fct_transaction where amount = 5") == [("t0", None, None, 5)]
    assert rows(settings, "from marts.mart_rfm where recency_score = 3") == [(None, 3)]


def test_where_a_contract_s_number_is_made_of_its_customer_s_nothing_is_done(home, settings):
    home.add_source(
        "branch__contracts",
        "contracts.csv",
        {"contract_key": "number", "customer_key": "number", "signed_date": "signed_on"},
        codec="utf-8",
    )
    unchanged = before(settings)
    assert not take(home)
    assert before(settings) == unchanged


def test_where_nothing_was_published_yet_nothing_is_done(home):
    assert not take(home)
    assert not candidate_file(home.settings).exists()
