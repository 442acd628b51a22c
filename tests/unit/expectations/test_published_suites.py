"""Every rule of every audited table passes a right file, and alone fails the file that has its fault."""

import importlib
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.publish import audited_tables

RIGHT_FILE = """
create schema core;
create schema marts;
create table core.dim_customer as
    select * from (values ('-1'), ('-2'), ('a'), ('b')) as members (customer_id);
create table core.fct_transaction as
    select * from (values ('t1', 'a', 10.00), ('t2', 'b', 0.00), ('t3', '-1', -5.00))
    as lines (transaction_id, customer_id, amount);
create table marts.mart_data_trust as
    select * from (values
        ('branch__transactions', true, 9, 3, 1, 1, 2, 2),
        ('branch__customers', true, 0, 0, 0, 0, 0, 0)
    ) as feeds (
        feed, is_conserved, rows_read_count, rows_loaded_count, rows_quarantined_count, rows_duplicate_count,
        rows_unchanged_count, rows_blocked_count
    );
create table marts.mart_rfm as
    select * from (values ('a', 1, 5, 3), ('b', null, null, null))
    as scores (customer_id, recency_score, frequency_score, monetary_score);
create table marts.mart_lifetime_value as
    select * from (values ('a', 0.0::double, 12.5, null), ('b', 1.0, null, 'no purchase'), ('c', null, null, 'too few'))
    as customers (customer_id, probability_alive, expected_12_months_amount, expected_value_reason);
"""

FAULTS: dict[str, dict[str, list[str]]] = {
    "core__dim_customer": {
        "customer_id is unique": ["insert into core.dim_customer values ('a')"],
        "customer_id is present": ["insert into core.dim_customer values (null)"],
        "the unknown and the not applicable member are there": [
            "delete from core.dim_customer where customer_id = '-1'",
            "delete from core.dim_customer where customer_id = '-2'",
        ],
    },
    "core__fct_transaction": {
        "transaction_id is unique": ["update core.fct_transaction set transaction_id = 't1'"],
        "customer_id is present": ["update core.fct_transaction set customer_id = null where transaction_id = 't1'"],
        "amount is present": ["update core.fct_transaction set amount = null where transaction_id = 't1'"],
        "every customer is a member of core.dim_customer": [
            "update core.fct_transaction set customer_id = 'nobody' where transaction_id = 't1'"
        ],
        "every loaded line is there once, or was corrected by a later delivery": [
            "insert into core.fct_transaction values ('t4', 'a', 1.00)"
        ],
    },
    "marts__mart_data_trust": {
        "read = loaded + quarantined + duplicate + unchanged + blocked": [
            "update marts.mart_data_trust set is_conserved = false where feed = 'branch__customers'",
            *(
                f"update marts.mart_data_trust set rows_{count}_count = rows_{count}_count + 1 "
                "where feed = 'branch__transactions'"
                for count in ("read", "loaded", "quarantined", "duplicate", "unchanged", "blocked")
            ),
        ],
    },
    "marts__mart_lifetime_value": {
        "customer_id is unique": ["update marts.mart_lifetime_value set customer_id = 'a' where customer_id = 'b'"],
        "probability_alive is 0 to 1": [
            "update marts.mart_lifetime_value set probability_alive = 1.001 where customer_id = 'b'",
            "update marts.mart_lifetime_value set probability_alive = -0.001 where customer_id = 'a'",
        ],
        "a missing expectation says why, and a present one says nothing": [
            "update marts.mart_lifetime_value set expected_value_reason = null where customer_id = 'b'",
            "update marts.mart_lifetime_value set expected_value_reason = 'why' where customer_id = 'a'",
        ],
    },
    "marts__mart_rfm": {
        "customer_id is unique": ["insert into marts.mart_rfm values ('a', 1, 1, 1)"],
        "recency_score is 1 to 5": [
            "update marts.mart_rfm set recency_score = 0 where customer_id = 'a'",
            "update marts.mart_rfm set recency_score = 6 where customer_id = 'a'",
        ],
        "frequency_score is 1 to 5": [
            "update marts.mart_rfm set frequency_score = 0 where customer_id = 'a'",
            "update marts.mart_rfm set frequency_score = 6 where customer_id = 'a'",
        ],
        "monetary_score is 1 to 5": [
            "update marts.mart_rfm set monetary_score = 0 where customer_id = 'a'",
            "update marts.mart_rfm set monetary_score = 6 where customer_id = 'a'",
        ],
        "every customer has a line, and nobody else": [
            "delete from marts.mart_rfm where customer_id = 'b'",
            "insert into marts.mart_rfm values ('nobody', null, null, null)",
        ],
    },
}


def failed_rules(path: Path, name: str) -> set[str]:
    from pipelines.gate.engine import judge_published  # noqa: PLC0415 (importing Great Expectations takes seconds)

    schema, table = name.split("__", 1)
    suite = importlib.import_module(f"expectations.{name}").SUITE
    return {judgement.rule for judgement in judge_published(path, schema, table, suite) if not judgement.passed}


@pytest.fixture(scope="module")
def right_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "crm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(RIGHT_FILE)
    return path


def test_every_audited_table_has_its_faults_here() -> None:
    assert set(FAULTS) == set(audited_tables())
    for name, faults in FAULTS.items():
        suite = importlib.import_module(f"expectations.{name}").SUITE
        assert {expectation.description for expectation in suite.expectations} == set(faults), name


@pytest.mark.parametrize("name", FAULTS)
def test_a_right_file_passes(name: str, right_file: Path) -> None:
    assert failed_rules(right_file, name) == set()


@pytest.mark.parametrize(
    ("name", "rule", "fault"),
    [(name, rule, fault) for name, rules in FAULTS.items() for rule, faults in rules.items() for fault in faults],
)
def test_a_fault_fails_its_rule_alone(name: str, rule: str, fault: str, right_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "crm.duckdb"
    shutil.copy(right_file, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(fault)
    assert failed_rules(path, name) == {rule}
