"""A birth date is the same day in every shape, and no day that cannot be one."""

from collections.abc import Callable
from datetime import date

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

Value = Callable[..., object]
LATEST = "plain_date(text, date '2026-01-31')"
SHAPES = [
    "{0:%Y%m%d}",
    "{0:%Y-%m-%d}",
    "{0:%Y.%m.%d}",
    "{0:%Y/%m/%d}",
    "{0.year}. {0.month}. {0.day}.",
    "{0.year}년 {0.month}월 {0.day}일",
    "{0:%Y년%m월%d일}",
    "{0:%Y-%m-%d} 00:00:00",
    "{0:%Y-%m-%dT00:00:00Z}",
    "{0:%Y%m%d}.0",
]
SHORT_SHAPES = ["{0:%y%m%d}", "{0:%y.%m.%d}", "{0:%y-%m-%d}", "'{0:%y}. {0.month}. {0.day}."]


@given(st.dates(date(1900, 1, 2), date(2026, 1, 31)))
def test_every_shape_is_the_same_day(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    texts = [shape.format(day) for shape in SHAPES]
    texts += [texts[0].translate(str.maketrans("0123456789", "０１２３４５６７８９"))]
    if day > date(1927, 5, 17):
        texts += [str((day - date(1899, 12, 30)).days), f"{(day - date(1899, 12, 30)).days}.5"]
    if day > date(1926, 1, 31):
        texts += [shape.format(day) for shape in SHORT_SHAPES]
    rows = connection.execute(
        "select text, plain_date(text, date '2026-01-31') from (select unnest(?::varchar[]) as text)", [texts]
    ).fetchall()
    assert rows == [(text, day) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("260131", date(2026, 1, 31)),
        ("260201", date(1926, 2, 1)),
        ("930126", date(1993, 1, 26)),
        ("000229", date(2000, 2, 29)),
    ],
)
def test_a_two_digit_year_is_the_last_one_that_is_not_in_the_future(value: Value, text: str, expected: date) -> None:
    assert value(LATEST, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None, "", "없음", "19931131", "1993-02-29", "010229", "931301", "00000000", "1900-01-01", "9999-12-31",
        "2026-02-01", "1993", "1993-11", "11/26/1993", "1234", "850101-1234567", "99999", "-19931126",
    ],
)  # fmt: skip
def test_what_is_no_past_day_is_no_date(value: Value, text: str | None) -> None:
    assert value(LATEST, text) is None
