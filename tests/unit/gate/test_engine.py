"""The engine tells a pass from a failure from its own breakdown, and traces every failing row."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import great_expectations as gx
import great_expectations.expectations as gxe
import pytest

from expectations.rules import rows_where
from pipelines.errors import ExitCode, GateBrokenError
from pipelines.gate.engine import Judgement, judge, judge_published


@pytest.fixture
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table gate_rows as select * from (values
                ('one', 1, 'it''s', 1), ('one', 2, '10:30', 2), ('two', 1, '50%', 3), ('two', 2, '{}', null)
            ) as rows (batch_id, row_number, word, number);
            create schema core;
            create table core.words as select word, number from gate_rows;
            """
        )
        yield connection


def suite_of(*rules: gxe.Expectation) -> gx.ExpectationSuite:
    return gx.ExpectationSuite(name="a_suite", expectations=list(rules))


def traced(rows: duckdb.DuckDBPyConnection, judgement: Judgement) -> set[tuple[str, int]]:
    return set(rows.execute(f"select batch_id, row_number from ({judgement.failing_rows}) as failing").fetchall())


def between(**settings: object) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeBetween(description="in between", severity="critical", **settings)


def one_of(**settings: object) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeInSet(description="one of", severity="warning", **settings)


def test_judgements_come_in_the_suites_order_with_their_severities(rows: duckdb.DuckDBPyConnection) -> None:
    rules = [
        rows_where("first", "number > 9"),
        one_of(column="word", value_set=["x"]),
        rows_where("last", "number > 9"),
    ]
    found = judge(rows, "gate_rows", suite_of(*rules))
    assert [(judgement.rule, judgement.severity, judgement.passed) for judgement in found] == [
        ("first", "critical", True),
        ("one of", "warning", False),
        ("last", "critical", True),
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("word = 'it''s'", {("one", 1)}),
        ("word = '10:30'", {("one", 2)}),
        ("word like '%\\%' escape '\\'", {("two", 1)}),
        ("regexp_full_match(word, '[0-9]+:[0-9]+')", {("one", 2)}),
        ("regexp_full_match(word, '[a-z]+.s')", {("one", 1)}),
        ("number is null", {("two", 2)}),
        ("number >= 1", {("one", 1), ("one", 2), ("two", 1)}),
    ],
)
def test_quotes_colons_percents_and_patterns_in_a_rule_mean_what_they_say(
    condition: str, expected: set[tuple[str, int]], rows: duckdb.DuckDBPyConnection
) -> None:
    (judgement,) = judge(rows, "gate_rows", suite_of(rows_where("a rule", condition)))
    assert not judgement.passed
    assert traced(rows, judgement) == expected


def test_an_allowed_value_may_hold_a_quote_and_null_is_no_value(rows: duckdb.DuckDBPyConnection) -> None:
    (judgement,) = judge(rows, "gate_rows", suite_of(one_of(column="word", value_set=["it's", "50%", "10:30"])))
    assert traced(rows, judgement) == {("two", 2)}


def test_a_missing_value_is_neither_inside_nor_outside_a_range(rows: duckdb.DuckDBPyConnection) -> None:
    (judgement,) = judge(rows, "gate_rows", suite_of(between(column="number", max_value=2)))
    assert traced(rows, judgement) == {("two", 1)}


def test_a_failure_that_cannot_be_traced_to_rows_keeps_the_gate_closed(rows: duckdb.DuckDBPyConnection) -> None:
    rule = gxe.ExpectTableRowCountToEqual(value=3, description="three rows", severity="critical")
    with pytest.raises(GateBrokenError, match="does not say in which rows"):
        judge(rows, "gate_rows", suite_of(rule))


def test_all_failing_rows_are_traced_however_many_there_are() -> None:
    with duckdb.connect() as rows:
        rows.execute(
            "create table gate_rows as select 'batch ' || i % 7 as batch_id, i as row_number, i as number "
            "from range(30000) as numbers (i)"
        )
        (judgement,) = judge(rows, "gate_rows", suite_of(between(column="number", max_value=9999)))
        assert len(traced(rows, judgement)) == 20000


@pytest.mark.parametrize(
    "broken",
    [
        rows_where("no such column", "absent > 1"),
        rows_where("no SQL", "number >"),
        rows_where("a cast that cannot be", "word::integer > 1"),
        between(column="absent", min_value=1),
        one_of(column="absent", value_set=["x"]),
        gxe.ExpectColumnValuesToBeUnique(column="absent", description="unique", severity="critical"),
        gxe.ExpectColumnValuesToNotBeNull(column="absent", description="present", severity="critical"),
    ],
    ids=lambda rule: str(rule.description),
)
def test_an_engine_error_keeps_the_gate_closed(broken: gxe.Expectation, rows: duckdb.DuckDBPyConnection) -> None:
    sound = rows_where("a sound rule", "number > 9")
    with pytest.raises(GateBrokenError) as error:
        judge(rows, "gate_rows", suite_of(sound, broken))
    assert error.value.exit_code == ExitCode.GATE_BROKEN
    assert f"“{broken.description}”" in error.value.cause
    assert "expectations/a_suite.py" in error.value.remedy


def test_a_table_that_is_not_there_keeps_the_gate_closed(rows: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(GateBrokenError):
        judge(rows, "absent", suite_of(rows_where("a rule", "number > 9")))


def test_a_published_file_is_judged_without_being_written(rows: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "crm.duckdb"
    rows.execute(f"attach '{path}' as published")
    rows.execute("create schema published.core; create table published.core.words as from core.words; detach published")
    path.chmod(0o444)
    before = path.stat().st_mtime_ns
    rule = gxe.ExpectColumnValuesToBeBetween(
        column="number", min_value=2, description="at least 2", severity="critical"
    )
    with duckdb.connect(str(path), read_only=True) as published:
        (judgement,) = judge_published(published, "core", "words", suite_of(rule))
    assert not judgement.passed
    assert path.stat().st_mtime_ns == before


def test_what_was_lent_is_given_back(tmp_path: Path) -> None:
    path = str(tmp_path / "judged.duckdb")
    with duckdb.connect(path) as lender:
        lender.execute("create table gate_rows as select 'one' as batch_id, 1 as row_number, 1 as number")
        judge(lender, "gate_rows", suite_of(rows_where("a rule", "number > 9")))
    # Another configuration would be refused if a connection were left.
    with duckdb.connect(path, config={"threads": 1}) as connection:
        connection.execute("create table afterwards (number integer)")
