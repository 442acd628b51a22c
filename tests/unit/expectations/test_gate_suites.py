"""Every rule of every feed's suite passes what is right and fails exactly the row that is wrong.

The contract's own rules get faults made from the contract; the hand-written ones are in HAND_WRITTEN. A rule without
a fault fails the test, and so does a fault that a second rule notices without being listed in ALSO_FAILS.
"""

import importlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.connections import identifier
from pipelines.contracts import Column, Feed, feeds
from pipelines.loading.gather import mark_repeated
from pipelines.sources.mapping import create_mapped_rows

Row = dict[str, Any]

DELIVERY_DATE = date(2024, 5, 17)
# The end of that day in Seoul.
DELIVERY_ENDS_AT = datetime(2024, 5, 17, 15)
DAY = date(2024, 5, 1)
EVENING = datetime(2024, 5, 1, 9)


@dataclass(frozen=True)
class Case:
    """Changes to a valid row that the rule must fail, and the nearest changes that it must let pass."""

    fails: Row
    passes: Row


# What a row needs beside its contract's required columns so that no rule at all, not even a warning, fails it.
NEEDED: dict[str, Row] = {
    "campaign__contacts": {"assignment": "treatment", "not_sent_reason": "no_consent"},
    "campaign__responses": {"contact_key": "C1"},
    "consent__refusals": {"phone": "010-1234-5678"},
    "service__cases": {"customer_key": "K1"},
    "dm__mailings": {"customer_key": "K1"},
    "dm__replies": {"mailing_key": "M1"},
}

# Where all columns are filled in, what they must be so that the rules between them hold.
FULL: dict[str, Row] = {
    "branch__contracts": {"status": "ended"},
    "branch__customers": {"party_type": "person"},
    "branch__products": {"next_product_key": "another"},
    "branch__transactions": {"currency": "KRW"},
    "consent__refusals": {"phone": "010-1234-5678"},
}

HAND_WRITTEN: dict[str, dict[str, list[Case]]] = {
    "branch__branches": {
        "a branch does not close before it opens": [
            Case(
                {"opened_date": DAY, "closed_date": DAY - timedelta(1)},
                {"opened_date": DAY, "closed_date": DAY},
            ),
        ],
    },
    "branch__contract_holders": {
        "a role does not end before it begins": [
            Case({"valid_from": DAY, "valid_to": DAY - timedelta(1)}, {"valid_from": DAY, "valid_to": DAY}),
        ],
    },
    "branch__contracts": {
        "a contract does not end before it begins": [
            Case({"signed_date": DAY, "end_date": DAY - timedelta(1)}, {"signed_date": DAY, "end_date": DAY}),
        ],
        "an ended contract has its end date": [
            Case(
                {"status": "ended", "end_reason": "lapsed"},
                {"status": "ended", "end_reason": "lapsed", "end_date": DAY},
            ),
        ],
        "an ended contract says why": [
            Case({"status": "ended", "end_date": DAY}, {"status": "active"}),
        ],
    },
    "branch__customers": {
        "a corporation has neither sex nor birth date": [
            Case({"party_type": "corporation", "sex": "female"}, {"party_type": "corporation"}),
            Case({"party_type": "corporation", "birth_date": DAY}, {"party_type": "sole_proprietor", "sex": "female"}),
        ],
    },
    "branch__employees": {
        "an employee does not leave before being hired": [
            Case({"hired_date": DAY, "left_date": DAY - timedelta(1)}, {"hired_date": DAY, "left_date": DAY}),
        ],
    },
    "branch__products": {
        "a product is not its own next step up": [
            Case({"product_key": "same", "next_product_key": "same"}, {"next_product_key": "another"}),
        ],
    },
    "branch__transactions": {
        "a refund is never positive": [
            Case({"amount_role": "refund", "amount": "0.01"}, {"amount_role": "refund", "amount": "0"}),
        ],
        "a sale is never negative": [
            Case({"amount_role": "sale", "amount": "-0.01"}, {"amount_role": "fee", "amount": "-0.01"}),
        ],
        "a currency is an ISO 4217 code": [
            Case({"currency": wrong}, {"currency": "USD"}) for wrong in ("krw", "KRWX", "KR", "₩", " KRW", "K.W")
        ],
    },
    "call_center__calls": {
        "nobody talks on a call that was not answered": [
            Case({"disposition": "no_answer", "talk_seconds": 1}, {"disposition": "no_answer", "talk_seconds": 0}),
            Case({"disposition": "busy", "talk_seconds": 1}, {"disposition": "answered", "talk_seconds": 1}),
            Case({"disposition": "abandoned", "talk_seconds": 1}, {"disposition": "voicemail", "talk_seconds": 1}),
        ],
    },
    "campaign__campaigns": {
        "a campaign does not end before it starts": [
            Case({"start_date": DAY, "end_date": DAY - timedelta(1)}, {"start_date": DAY, "end_date": DAY}),
        ],
    },
    "campaign__contacts": {
        "a control is never sent": [
            Case({"assignment": "control", "sent_at": EVENING}, {"assignment": "control"}),
        ],
        "a control costs nothing": [
            Case({"assignment": "control", "cost_amount": "1"}, {"assignment": "control", "cost_amount": "0"}),
        ],
        "an unsent treatment says why": [
            Case({"not_sent_reason": None}, {"not_sent_reason": None, "sent_at": EVENING}),
        ],
        "a contact is not sent before it is assigned": [
            Case({"assigned_at": EVENING, "sent_at": EVENING - timedelta(seconds=1)}, {"sent_at": EVENING}),
        ],
    },
    "campaign__responses": {
        "a response names its contact, or its customer and campaign": [
            Case(
                {"contact_key": None, "customer_key": "K1"},
                {"contact_key": None, "customer_key": "K1", "campaign_key": "A1"},
            ),
            Case({"contact_key": None, "campaign_key": "A1"}, {"contact_key": "C1"}),
        ],
    },
    "consent__events": {
        "a change is recorded within a year of taking effect": [
            Case({"valid_at": EVENING - timedelta(367)}, {"valid_at": EVENING - timedelta(366)}),
            Case({"valid_at": EVENING + timedelta(367)}, {"valid_at": EVENING + timedelta(366)}),
        ],
        "only marketing has a night": [
            Case({"purpose": "profiling", "time_band": "night"}, {"purpose": "marketing", "time_band": "night"}),
        ],
    },
    "consent__refusals": {
        "a telephone number has at least seven digits": [
            Case({"phone": "123-456"}, {"phone": "123-4567"}),
            Case({"phone": "none"}, {"phone": "０１２３４５６"}),
        ],
    },
    "demographics__areas": {
        "an area has no more households than residents": [
            Case(
                {"population_count": 10, "household_count": 11},
                {"population_count": 10, "household_count": 10},
            ),
        ],
    },
    "dm__mailings": {
        "a piece goes to a customer or to a named recipient": [
            Case({"customer_key": None}, {"customer_key": None, "recipient_name": "김은경"}),
        ],
    },
    "dm__replies": {
        "a reply names its piece or its customer": [
            Case({"mailing_key": None}, {"mailing_key": None, "customer_key": "K1"}),
        ],
    },
    "service__cases": {
        "a case is not assigned before it is opened": [
            Case({"opened_at": EVENING, "assigned_at": EVENING - timedelta(seconds=1)}, {"assigned_at": EVENING}),
        ],
        "a case is not solved before it is opened": [
            Case({"opened_at": EVENING, "solved_at": EVENING - timedelta(seconds=1)}, {"solved_at": EVENING}),
        ],
        "a case is not re-opened before it is opened": [
            Case({"opened_at": EVENING, "reopened_at": EVENING - timedelta(seconds=1)}, {"reopened_at": EVENING}),
        ],
        "a solved case says when": [
            Case({"status": "solved"}, {"status": "solved", "solved_at": EVENING}),
        ],
        "a re-opened case says when": [
            Case({"status": "reopened"}, {"status": "reopened", "reopened_at": EVENING}),
        ],
        "a case names its customer or a telephone number": [
            Case({"customer_key": None}, {"customer_key": None, "phone": "010-1234-5678"}),
        ],
    },
}

# A fault that cannot be made without a second one: what is sent in 1899 was sent before it was assigned.
ALSO_FAILS = {
    ("campaign__contacts", "sent_at is at least 1900-01-01"): "a contact is not sent before it is assigned",
    ("service__cases", "assigned_at is at least 1900-01-01"): "a case is not assigned before it is opened",
    ("service__cases", "solved_at is at least 1900-01-01"): "a case is not solved before it is opened",
    ("service__cases", "reopened_at is at least 1900-01-01"): "a case is not re-opened before it is opened",
    **{
        ("consent__events", rule): "a change is recorded within a year of taking effect"
        for rule in ("valid_at is at least 1900-01-01 and at most 2100-12-31", "recorded_at is at least 1900-01-01")
    },
}


def also_fails(feed: Feed, rule: str) -> Iterator[str]:
    """The other rules that the fault of `rule` breaks."""
    if other := ALSO_FAILS.get((feed.name, rule)):
        yield other
    for column in feed.columns:
        # What is before the least allowed year is late as well.
        if column.days_before_delivery is not None and rule.startswith(f"{column.name} is at least "):
            yield f"{column.name} is at most {column.days_before_delivery} days before the delivery"


def some_value(column: Column) -> Any:
    if column.values:
        return column.values[0]
    match column.data_type:
        case "varchar":
            return f"a {column.name}"
        case "date":
            return DAY
        case "timestamp":
            return EVENING
        case _:
            return 1


def minimal_row(feed: Feed) -> Row:
    filled = {column.name: some_value(column) for column in feed.columns if column.required}
    return filled | NEEDED.get(feed.name, {})


def full_row(feed: Feed) -> Row:
    return {column.name: some_value(column) for column in feed.columns} | FULL.get(feed.name, {})


def step(column: Column) -> Any:
    """The smallest difference that the column's type can hold."""
    match column.data_type:
        case "date":
            return timedelta(days=1)
        case "timestamp":
            return timedelta(microseconds=1)
        case "integer":
            return 1
        case decimal:
            return Decimal(1).scaleb(-int(decimal.removesuffix(")").split(",")[1]))


def limit(column: Column, stated: Any) -> Any:
    match column.data_type:
        case "date":
            return date.fromisoformat(stated)
        case "timestamp":
            return datetime.fromisoformat(stated)
        case _:
            return Decimal(str(int(stated)))


def contract_cases(feed: Feed) -> Iterator[tuple[str, Case]]:
    """One or more cases for each rule that the contract makes."""
    yield "every character could be decoded", Case({"is_undecodable": True}, {"is_undecodable": False})
    yield "every value has its type", Case({"unreadable_columns": "some_column"}, {"unreadable_columns": None})
    for column in feed.columns:
        name = column.name
        if column.required:
            yield f"{name} is present", Case({name: None}, {name: None, "unreadable_columns": f"other, {name}"})
        if column.values:
            rule = f"{name} is one of {', '.join(column.values)}"
            for right in column.values:
                yield rule, Case({name: right.upper()}, {name: right})
        if column.code:
            for wrong, right in {
                "x" * 61: "x" * 60,
                "call a@b": "call b",
                "house \uff20": "house 12",
                "1234567": "123456",
                "\uff10" * 7: "2024-01-31",
                "010-1234-5678": "010-1234-5",
                "+82 10.1234.5678": "+82 10.12",
                "한" * 61: "한" * 60,
            }.items():
                yield f"{name} is a short code, not free text", Case({name: wrong}, {name: right})
        limits = []
        if column.minimum is not None:
            limits.append((f"at least {column.minimum}", limit(column, column.minimum), -step(column)))
        if column.maximum is not None:
            limits.append((f"at most {column.maximum}", limit(column, column.maximum), step(column)))
        for _, edge, beyond in limits:
            yield f"{name} is {' and '.join(word for word, _, _ in limits)}", Case({name: edge + beyond}, {name: edge})
        if column.not_after_delivery:
            edge = DELIVERY_ENDS_AT if column.data_type == "timestamp" else DELIVERY_DATE + timedelta(1)
            yield f"{name} is not after the delivery", Case({name: edge}, {name: edge - step(column)})
        if column.days_before_delivery is not None:
            days = column.days_before_delivery
            first = DELIVERY_DATE if column.data_type == "date" else DELIVERY_ENDS_AT - timedelta(1)
            edge = first - timedelta(days)
            yield f"{name} is at most {days} days before the delivery", Case({name: edge - step(column)}, {name: edge})


def cases_of(feed: Feed) -> list[tuple[str, Case]]:
    own = HAND_WRITTEN.get(feed.name, {})
    return [*contract_cases(feed), *((rule, case) for rule, cases in own.items() for case in cases)]


def write_gate_rows(path: Path, feed: Feed, batches: dict[str, list[Row]]) -> None:
    """The view `gate_rows` as a load makes it, with one batch per entry and rows numbered from 1."""
    with duckdb.connect(str(path)) as gate:
        gate.execute("set TimeZone = 'UTC'")
        create_mapped_rows(gate, feed)
        for batch_id, rows in batches.items():
            for number, row in enumerate(rows, 1):
                values = {
                    "source_system": "branch",
                    "batch_id": batch_id,
                    "delivery_date": DELIVERY_DATE,
                    "row_number": number,
                    "delivery_ends_at": DELIVERY_ENDS_AT,
                    "is_undecodable": False,
                } | row
                names = ", ".join(identifier(name) for name in values)
                places = ", ".join("?" for _ in values)
                gate.execute(f"insert into mapped_rows ({names}) values ({places})", list(values.values()))
        mark_repeated(gate, feed)
        gate.execute("create view gate_rows as from numbered")


def failing_rows(path: Path, feed: Feed) -> dict[str, set[tuple[str, int]]]:
    """Rule -> the (batch_id, row_number) it fails."""
    from pipelines.gate.engine import judge  # noqa: PLC0415 (importing Great Expectations takes seconds)

    suite = importlib.import_module(f"expectations.{feed.name}").SUITE
    found: dict[str, set[tuple[str, int]]] = {}
    with duckdb.connect(str(path)) as gate:
        for judgement in judge(gate, "gate_rows", suite):
            assert judgement.rule not in found, f"two rules say “{judgement.rule}”"
            assert judgement.passed == (judgement.failing_rows is None)
            rows = (
                gate.execute(f"select batch_id, row_number from ({judgement.failing_rows})").fetchall()
                if judgement.failing_rows
                else []
            )
            found[judgement.rule] = set(rows)
    return found


@pytest.mark.parametrize("name", feeds())
def test_every_rule_passes_what_is_right_and_fails_exactly_the_row_that_is_wrong(name: str, tmp_path: Path) -> None:
    feed = feeds()[name]
    keys = [column for column in feed.key if feed.columns_by_name[column].data_type == "varchar"]
    neighbour = minimal_row(feed) | {keys[0]: "a neighbour"}
    if feed.columns_by_name[keys[0]].values:
        raise AssertionError("the first column of a key has a list of values; choose another one here")
    unique = f"{', '.join(feed.key)} is unique in the delivery"
    batches = {
        "minimal": [minimal_row(feed)],
        "full": [full_row(feed)],
        "a key twice": [neighbour, minimal_row(feed), minimal_row(feed)],
        "the key in another batch": [minimal_row(feed)],
    }
    expected: dict[str, set[tuple[str, int]]] = defaultdict(set)
    expected[unique] |= {("a key twice", 2), ("a key twice", 3)}
    for position, (rule, case) in enumerate(cases_of(feed)):
        failing, passing = f"{position} fails: {rule}", f"{position} passes: {rule}"
        batches[failing] = [neighbour, minimal_row(feed) | case.fails]
        batches[passing] = [neighbour, minimal_row(feed) | case.passes]
        expected[rule].add((failing, 2))
        for other in also_fails(feed, rule):
            expected[other].add((failing, 2))

    path = tmp_path / "gate.duckdb"
    write_gate_rows(path, feed, batches)
    found = failing_rows(path, feed)

    assert set(found) - set(expected) == set(), "rules without a fault"
    assert set(expected) - set(found) == set(), "faults without a rule"
    passing_cases = {batch for batch in batches if " passes: " in batch}
    for rule, rows in found.items():
        wrongly_failed = {row for row in rows - expected[rule] if row[0] not in passing_cases}
        # The nearest right row of one rule may be the wrong row of another; for its own rule it must pass.
        own_passes = {row for row in rows if row[0].endswith(f" passes: {rule}")}
        assert wrongly_failed == set(), f"“{rule}” fails rows that are right"
        assert own_passes == set(), f"“{rule}” fails the row that is just right"
        assert expected[rule] - rows == set(), f"“{rule}” passes rows that are wrong"


def test_every_hand_written_rule_has_a_case_and_every_case_a_rule() -> None:
    for name, feed in feeds().items():
        suite = importlib.import_module(f"expectations.{name}").SUITE
        from_contract = {rule for rule, _ in contract_cases(feed)}
        unique = f"{', '.join(feed.key)} is unique in the delivery"
        own = {expectation.description for expectation in suite.expectations} - from_contract - {unique}
        assert own == set(HAND_WRITTEN.get(name, {}))


def test_a_rule_is_critical_or_a_warning() -> None:
    severities = {
        expectation.severity.value
        for name in feeds()
        for expectation in importlib.import_module(f"expectations.{name}").SUITE.expectations
    }
    assert severities == {"critical", "warning"}
