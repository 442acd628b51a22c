"""Every rule of every audited table passes a right file, and alone fails the file that has its fault."""

import importlib
import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines.publishing.publication import audited_tables

CHANNELS = ("dm", "email", "sms", "push", "outbound_call")
RIGHT_FILE = f"""
create schema core;
create schema marts;
create table core.dim_customer as
    select * from (values
        ('-1', '-1', true, date '1900-01-01', null), ('-2', '-2', true, '1900-01-01', null),
        ('-3', '-3', true, '1900-01-01', null),
        ('a1', 'a', false, '1900-01-01', date '2024-02-01'), ('a2', 'a', true, '2024-02-01', null),
        ('b1', 'b', true, '1900-01-01', null)
    ) as rows (customer_row_id, customer_id, is_current, valid_from, valid_to);
create table core.dim_customer_current as
    select customer_id, customer_row_id from core.dim_customer where is_current;
create table core.bridge_customer_source as
    select * from (values
        ('branch', '1', 'a', date '2024-01-01', date '2024-02-01'), ('branch', '1', 'b', '2024-02-01', null),
        ('telco', '1', 'a', '2024-01-01', null)
    ) as records (source_system, source_key, customer_id, valid_from, valid_to);
create table core.dim_employee as
    select * from (values ('-1', 'unknown'), ('-2', 'not_applicable'), ('e', 'agent'))
    as members (employee_id, role_code);
create table core.fct_case as
    select * from (values
        ('k1', 'a', 'a1', 1.5, 30.25, 1, null), ('k2', '-1', '-1', null, null, null, 0),
        ('k3', 'b', 'b1', 0, null, null, 9)
    ) as cases (case_id, customer_id, customer_row_id, assignment_hours, solution_hours, solution_days, open_days);
create table core.fct_consent_event as
    select * from (values
        ('c1', 'a', 'a1', timestamp '2024-01-01', timestamp '2024-01-03', 'granted'),
        ('c2', '-1', '-1', '2024-01-02', '2024-01-02', 'withdrawn')
    ) as events (consent_event_id, customer_id, customer_row_id, valid_at, recorded_at, action_code);
create table core.dim_consent_rule as
    select * from (values ('sms', 'an act')) as rules (rule_code, legal_source);
create table core.dim_consent as
    select * from (values
        ('a', 'marketing', 'sms', true, false, timestamp '2024-01-01', null::timestamp,
         timestamp '2024-01-03', null::timestamp)
    ) as consents (
        customer_id, purpose_code, channel_code, is_granted, is_night, valid_from, valid_to, recorded_from, recorded_to
    );
create table core.dim_permission as
    select * from (values
        ('a', 'marketing', 'sms', 'sms', 'allowed', true, false, timestamp '2024-01-03', timestamp '2024-02-01'),
        ('a', 'marketing', 'sms', 'sms', 'allowed', true, false, '2024-02-01', null),
        ('b', 'marketing', 'sms', 'sms', 'withdrawn', false, false, '2024-02-01', null)
    ) as permissions (
        customer_id, purpose_code, channel_code, rule_code, reason_code, is_allowed, is_allowed_at_night,
        valid_from, valid_to
    );
create table core.fct_contact as
    select * from (values ('t1', true), ('t2', true), ('t3', false)) as contacts (contact_id, is_sent);
create table core.fct_call as select * from (values ('l1')) as calls (call_id);
create table marts.mart_consent_breach as
    select * from (values
        ('1', 't1', '-2', 'lawful', false), ('2', 't2', 'l1', 'breach', true), ('3', '-1', 'l1', 'breach', true)
    ) as contacts (contact_attempt_id, contact_id, call_id, verdict_code, is_breach);
create table marts.mart_contactability as
    select
        customer_id,
        {", ".join(f"is_allowed as is_contactable_{name}" for name in CHANNELS)},
        {", ".join(f"if(is_allowed, 'allowed', 'no_consent') as {name}_reason_code" for name in CHANNELS)}
    from (values ('a', true), ('b', false)) as customers (customer_id, is_allowed);
create table core.fct_refusal_check as
    select * from (values
        ('r', 'l', date '2024-01-05', 'a', 'a1', 2), ('r', 'l', '2024-01-05', 'b', 'b1', 0),
        ('r', 'l', '2024-01-05', '-1', '-1', 1), ('r', 'l', '2024-02-05', 'a', 'a2', 1),
        ('r', 'm', '2024-01-05', 'a', 'a1', 1), ('s', 'l', '2024-01-05', 'a', 'a1', 1)
    ) as checks (
        source_system, refusal_list_code, checked_date, customer_id, customer_row_id, counted_entry_count
    );
create table core.fct_transaction as
    select * from (values ('t1', 'a', 'a2', 10.00), ('t2', 'b', 'b1', 0.00), ('t3', '-1', '-1', -5.00))
    as lines (transaction_id, customer_id, customer_row_id, amount);
create table marts.mart_data_trust as
    select * from (values
        ('branch__transactions', true, 9, 2, 2, 1, 2, 2, 1),
        ('branch__customers', true, 0, 0, 0, 0, 0, 0, 0),
        ('consent__refusals', true, 6, 6, 0, 0, 0, 0, 0)
    ) as feeds (
        feed, is_conserved, rows_read_count, rows_loaded_count, rows_quarantined_count, rows_duplicate_count,
        rows_unchanged_count, rows_blocked_count, rows_fixed_count
    );
create table marts.mart_rfm as
    select * from (values ('a', 1, 5, 3), ('b', null, null, null))
    as scores (customer_id, recency_score, frequency_score, monetary_score);
create table marts.mart_lifetime_value as
    select * from (values ('a', 0.0::double, 12.5, null), ('b', 1.0, null, 'no purchase'), ('c', null, null, 'too few'))
    as customers (customer_id, probability_alive, expected_12_months_amount, expected_value_reason);
"""

FAULTS: dict[str, dict[str, list[str]]] = {
    "core__bridge_customer_source": {
        "customer_id is present": [
            "update core.bridge_customer_source set customer_id = null where source_system = 'telco'"
        ],
        "a record is one customer's at a time": [
            "update core.bridge_customer_source set valid_to = '2024-02-02' where valid_to is not null",
            "insert into core.bridge_customer_source values ('telco', '1', 'b', '2024-03-01', null)",
        ],
        "a record is some customer's now": [
            "update core.bridge_customer_source set valid_to = '2024-03-01' where source_system = 'telco'",
        ],
        "every record's customer of now is a member of core.dim_customer": [
            "update core.bridge_customer_source set customer_id = 'nobody' where source_system = 'telco'"
        ],
    },
    "core__dim_customer": {
        "customer_row_id is unique": [
            "update core.dim_customer set customer_row_id = 'a1' where customer_row_id = 'a2'"
        ],
        "customer_row_id is present": [
            "update core.dim_customer set customer_row_id = null where customer_row_id = 'b1'"
        ],
        "customer_id is present": ["update core.dim_customer set customer_id = null where customer_row_id = 'b1'"],
        "a customer has one current row, and it is the open one": [
            "update core.dim_customer set is_current = false where customer_row_id = 'b1'",
            "update core.dim_customer set is_current = true where customer_row_id = 'a1'",
            "update core.dim_customer set is_current = not is_current where customer_id = 'a'",
            "delete from core.dim_customer where customer_row_id = 'a2'",
        ],
        "a customer's intervals follow one another without gap and overlap": [
            "update core.dim_customer set valid_to = '2024-01-31' where customer_row_id = 'a1'",
            "update core.dim_customer set valid_to = '2024-02-02' where customer_row_id = 'a1'",
            "update core.dim_customer set valid_from = '1900-01-02' where customer_row_id = 'b1'",
            "delete from core.dim_customer where customer_row_id = 'a1'",
        ],
        "the unknown, the not applicable and the erased member are there": [
            "delete from core.dim_customer where customer_id = '-1'",
            "delete from core.dim_customer where customer_id = '-2'",
            "delete from core.dim_customer where customer_id = '-3'",
        ],
    },
    "core__dim_customer_current": {
        "customer_id is unique": [
            "update core.dim_customer_current set customer_id = 'a' where customer_row_id = 'b1'"
        ],
        "customer_id is present": [
            "update core.dim_customer_current set customer_id = null where customer_row_id = 'b1'"
        ],
        "it is the current rows of core.dim_customer, all of them": [
            "delete from core.dim_customer_current where customer_id = 'a'",
            "update core.dim_customer_current set customer_row_id = 'a1' where customer_id = 'a'",
        ],
    },
    "core__dim_employee": {
        "employee_id is unique": ["insert into core.dim_employee values ('e', 'seller')"],
        "employee_id is present": ["insert into core.dim_employee values (null, 'seller')"],
        "the unknown and the not applicable member are there": [
            "delete from core.dim_employee where employee_id = '-1'",
            "delete from core.dim_employee where employee_id = '-2'",
        ],
        "no column is a name": ["alter table core.dim_employee add column employee_name varchar"],
    },
    "core__dim_permission": {
        "reason_code is present": ["update core.dim_permission set reason_code = null where customer_id = 'b'"],
        "a customer, purpose and channel have one answer at an instant": [
            "update core.dim_permission set valid_to = '2024-02-02' where valid_to is not null",
            "update core.dim_permission set valid_to = null where customer_id = 'a'",
        ],
        "every rule is one of core.dim_consent_rule": [
            "update core.dim_permission set rule_code = 'none' where customer_id = 'b'"
        ],
        "what is allowed was granted": [
            "update core.dim_permission set is_allowed = true where customer_id = 'b'",
            "update core.dim_permission set is_allowed_at_night = true where customer_id = 'b'",
            "update core.dim_permission set valid_from = '2024-01-02' where valid_to is not null",
        ],
    },
    "core__fct_case": {
        "case_id is unique": ["update core.fct_case set case_id = 'k1'"],
        "customer_id is present": ["update core.fct_case set customer_id = null where case_id = 'k1'"],
        "every customer row is one of its customer in core.dim_customer": [
            "update core.fct_case set customer_id = 'nobody' where case_id = 'k1'",
            "update core.fct_case set customer_id = 'b' where case_id = 'k1'",
            "update core.fct_case set customer_row_id = null where case_id = 'k1'",
        ],
        "a case is either solved or open, and its lags are never negative": [
            "update core.fct_case set open_days = 3 where case_id = 'k1'",
            "update core.fct_case set solution_hours = null where case_id = 'k1'",
            "update core.fct_case set assignment_hours = -1 where case_id = 'k3'",
            "update core.fct_case set open_days = -1 where case_id = 'k2'",
        ],
    },
    "core__fct_consent_event": {
        "consent_event_id is unique": ["update core.fct_consent_event set consent_event_id = 'c1'"],
        "valid_at is present": ["update core.fct_consent_event set valid_at = null where consent_event_id = 'c1'"],
        "recorded_at is present": [
            "update core.fct_consent_event set recorded_at = null where consent_event_id = 'c1'"
        ],
        "every customer row is one of its customer in core.dim_customer": [
            "update core.fct_consent_event set customer_id = 'nobody' where consent_event_id = 'c1'",
            "update core.fct_consent_event set customer_id = 'b' where consent_event_id = 'c1'",
            "update core.fct_consent_event set customer_row_id = null where consent_event_id = 'c1'",
        ],
    },
    "core__fct_refusal_check": {
        "a system, list, checked day and customer have one row": [
            "insert into core.fct_refusal_check values ('r', 'l', '2024-01-05', 'b', 'b1', 0)"
        ],
        "every customer row is one of its customer in core.dim_customer": [
            "update core.fct_refusal_check set customer_id = 'nobody' where customer_id = 'b'",
            "update core.fct_refusal_check set customer_row_id = null where customer_id = 'b'",
        ],
        "no more entries are counted than the lists had": [
            "update core.fct_refusal_check set counted_entry_count = 1 where customer_id = 'b'"
        ],
    },
    "core__fct_transaction": {
        "transaction_id is unique": ["update core.fct_transaction set transaction_id = 't1'"],
        "customer_id is present": ["update core.fct_transaction set customer_id = null where transaction_id = 't1'"],
        "amount is present": ["update core.fct_transaction set amount = null where transaction_id = 't1'"],
        "every customer row is one of its customer in core.dim_customer": [
            "update core.fct_transaction set customer_id = 'nobody' where transaction_id = 't1'",
            "update core.fct_transaction set customer_id = 'b' where transaction_id = 't1'",
            "update core.fct_transaction set customer_row_id = null where transaction_id = 't1'",
        ],
        "every loaded line is there once, or was corrected by a later delivery": [
            "insert into core.fct_transaction values ('t4', 'a', 'a2', 1.00)"
        ],
    },
    "marts__mart_consent_breach": {
        "contact_attempt_id is unique": ["update marts.mart_consent_breach set contact_attempt_id = '1'"],
        "verdict_code is present": ["update marts.mart_consent_breach set verdict_code = null where call_id = '-2'"],
        "every contact that was sent is judged": ["delete from marts.mart_consent_breach where contact_id = 't1'"],
        "every breach has its contact or call": [
            "update marts.mart_consent_breach set call_id = 'nothing' where contact_id = '-1'"
        ],
    },
    "marts__mart_contactability": {
        "customer_id is unique": [
            "insert into marts.mart_contactability from marts.mart_contactability where customer_id = 'b'"
        ],
        "every customer has a line, and nobody else": [
            "delete from marts.mart_contactability where customer_id = 'b'",
            "update marts.mart_contactability set customer_id = 'nobody' where customer_id = 'b'",
        ],
        "who is contactable said so once, and who is not has a reason": [
            *(f"update marts.mart_contactability set {name}_reason_code = 'withdrawn'" for name in CHANNELS),
            "update core.fct_consent_event set action_code = 'withdrawn'",
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
    with duckdb.connect(str(path), read_only=True) as published:
        judgements = judge_published(published, schema, table, suite)
    return {judgement.rule for judgement in judgements if not judgement.passed}


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
