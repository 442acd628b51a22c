"""Employees, cases, consents, refusals and returned mail: what is delivered hangs together."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from pipelines.simulator.layouts import Layout
from pipelines.simulator.partner_layouts import MAILINGS, REPLIES
from pipelines.simulator.rendering import csv_header
from pipelines.simulator.service_layouts import (
    CASES_AT_BRANCH,
    CASES_BY_CALL,
    CONSENTS_AT_BRANCH,
    CONSENTS_BY_CALL,
    EMPLOYEES,
    REFUSALS,
    RETURNS,
)

from .conftest import Simulated

CASES = (CASES_AT_BRANCH, CASES_BY_CALL)
INSTANTS = ("opened_at", "assigned_at", "solved_at", "reopened_at")


def read(simulated: Simulated, layout: Layout, tmp: Any) -> duckdb.DuckDBPyConnection:
    """A connection with table `delivered`: day, and the contract's columns and words as text, of whole rows only."""
    connection = duckdb.connect()
    lines = []
    for file in sorted(simulated.folder.glob(layout.path.split("{")[0] + "*")):
        rows = file.read_bytes().decode(layout.codec, "replace").splitlines()
        lines += [(file.stem[-8:], row) for row in rows[1 if layout.form == "csv" else 0 :]]
    if layout.form == "csv":
        text = "".join(f"{day},{row}\n" for day, row in lines)
        (tmp / "rows.csv").write_text("day," + csv_header(layout) + text, encoding="utf-8")
        connection.execute(
            f"create table native as from "
            f"read_csv('{tmp}/rows.csv', all_varchar = true, header = true, delim = ',', ignore_errors = true)"
        )
        cells = {one.column: f'"{one.native}"' for one in layout.fields}
    else:
        connection.execute("create table native (day varchar, row json)")
        connection.executemany("insert into native values (?, ?)", lines)
        cells = {one.column: f"row->>'$.{one.native}'" for one in layout.fields}
    for one in layout.fields:
        if one.codes:
            words = " ".join(f"when '{native}' then '{word}'" for word, native in one.codes.items())
            cells[one.column] = f"case {cells[one.column]} {words} else {cells[one.column]} end"
    shown = ", ".join(f"{cell} as {column}" for column, cell in cells.items())
    connection.execute(f"create table delivered as select strptime(day, '%Y%m%d')::date as day, {shown} from native")
    return connection


@pytest.mark.parametrize("layout", CASES, ids=lambda layout: layout.name)
def test_a_case_is_delivered_as_it_stands_at_the_end_of_the_day_and_only_when_it_changed(
    simulated: Simulated, layout: Layout, tmp_path: Any
) -> None:
    cases = read(simulated, layout, tmp_path)
    instants = ", ".join(f"replace({name}, 'T', ' ')::timestamp as {name}" for name in INSTANTS)
    cases.execute(f"create table cases as select * replace ({instants}) from delivered")
    ((rows, known, late, idle),) = cases.sql("""
        select count(*), count(distinct case_key), count(*) filter (last_change::date > day),
            count(*) filter (last_change::date < day)
        from (select *, greatest(opened_at, assigned_at, solved_at, reopened_at) as last_change from cases)
    """).fetchall()
    assert rows > known > 20
    assert late == idle == 0
    ((disorder,),) = cases.sql("""
        select count(*) from cases where assigned_at < opened_at or solved_at < assigned_at
            or (status = 'solved') <> (solved_at is not null and coalesce(reopened_at < solved_at, true))
            or (status = 'reopened') <> (reopened_at is not null and reopened_at > solved_at)
            or (employee_key is null) <> (assigned_at is null)
    """).fetchall()
    assert disorder == 0


def test_two_systems_number_their_cases_alike_and_the_truth_knows_them_apart(simulated: Simulated) -> None:
    truth = f"'{simulated.folder}/truth/cases.parquet'"
    ((rows, alike, cases, strangers),) = duckdb.sql(f"""
        select count(*), count(*) - count(distinct case_key), count(distinct (source_system, case_key)),
            count(*) filter (person_id is null)
        from {truth}
    """).fetchall()
    assert rows == cases
    assert alike > 20
    assert 0 < strangers < 0.1 * rows


def test_complaints_are_many_of_the_calls_cases_and_few_are_opened_again(simulated: Simulated, tmp_path: Any) -> None:
    complaints, reopened = (
        read(simulated, CASES_BY_CALL, tmp_path)
        .sql("""
        select avg((case_type = 'complaint')::int), avg(was_reopened)
        from (
            select case_key, any_value(case_type) as case_type, max((reopened_at is not null)::int) as was_reopened
            from delivered group by case_key
        )
        """)
        .fetchone()
    )
    assert 0.45 < complaints < 0.8
    assert 0.01 < reopened < 0.15


def test_a_consent_is_recorded_when_it_is_delivered_and_never_before_it_holds(
    simulated: Simulated, tmp_path: Any
) -> None:
    for layout in (CONSENTS_AT_BRANCH, CONSENTS_BY_CALL):
        ((rows, early, misplaced),) = (
            read(simulated, layout, tmp_path)
            .sql("""
            select count(*), count(*) filter (recorded < valid),
                count(*) filter (greatest(recorded::date, date '2023-01-01') <> day)
            from (
                select day, try_cast(replace(valid_at, 'T', ' ') as timestamp) as valid,
                    try_cast(replace(recorded_at, 'T', ' ') as timestamp) as recorded
                from delivered
            )
            """)
            .fetchall()
        )
        assert rows > 5
        assert early == misplaced == 0


def test_three_in_five_allow_marketing_and_few_take_it_back(simulated: Simulated, tmp_path: Any) -> None:
    count = "select count(distinct customer_key) from delivered where purpose = 'marketing' and time_band = 'day' and "
    at_branch = read(simulated, CONSENTS_AT_BRANCH, tmp_path)
    (granted,) = at_branch.sql(count + "action = 'granted'").fetchone()
    (withdrawn,) = read(simulated, CONSENTS_BY_CALL, tmp_path).sql(count + "action = 'withdrawn'").fetchone()
    assert 0.55 < granted / 1500 < 0.7
    assert 0 < withdrawn / granted < 0.06


def test_a_registry_lists_a_number_once_and_the_truth_knows_whose_it_is(simulated: Simulated, tmp_path: Any) -> None:
    listed = read(simulated, REFUSALS, tmp_path)
    ((rows, numbers, misdated),) = listed.sql("""
        select count(*), count(distinct (phone, refusal_list, checked_date)),
            count(*) filter (checked_date::date <> day)
        from delivered
    """).fetchall()
    assert rows == numbers > 50
    assert misdated == 0
    ((known, strangers),) = duckdb.sql(f"""
        select count(person_id), count(*) - count(person_id) from '{simulated.folder}/truth/refusals.parquet'
    """).fetchall()
    assert known + strangers == rows
    assert 0.1 < strangers / known < 0.6


def test_three_to_five_in_a_hundred_pieces_come_back_and_nobody_answers_one(
    simulated: Simulated, tmp_path: Any
) -> None:
    returned = read(simulated, RETURNS, tmp_path)
    mailed, replied = (
        {key for (key,) in read(simulated, layout, tmp_path).sql("select mailing_key from delivered").fetchall()}
        for layout in (MAILINGS, REPLIES)
    )
    keys = {key for (key,) in returned.sql("select mailing_key from delivered").fetchall()}
    assert 0.02 < len(keys) / len(mailed) < 0.05
    assert keys <= mailed
    assert not keys & replied


def test_every_employee_of_another_feed_is_on_the_first_list(simulated: Simulated, tmp_path: Any) -> None:
    employees = read(simulated, EMPLOYEES, tmp_path)
    listed = {key for (key,) in employees.sql("select employee_key from delivered").fetchall()}
    working = set()
    for layout in CASES:
        cases = read(simulated, layout, tmp_path)
        working |= {key for (key,) in cases.sql("from (select distinct employee_key from delivered)").fetchall()}
    assert working - {None} <= listed
    ((repeated,),) = employees.sql("select count(*) - count(distinct employee_key) from delivered").fetchall()
    assert repeated == 0
