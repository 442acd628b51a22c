"""A business registration number counts where its check digit is right."""

from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

Value = Callable[..., object]


# As Samsung Electronics, Naver and Kakao print theirs.
@pytest.mark.parametrize("text", ["124-81-00998", "220-81-62517", "120-81-47521"])
def test_numbers_in_use_pass(value: Value, text: str) -> None:
    assert value("plain_business_number(text)", text) == text.replace("-", "")


@pytest.mark.parametrize("text", ["124 81 00998", "1248100998", " １２４-８１-００９９８ "])
def test_a_number_is_its_ten_digits(value: Value, text: str) -> None:
    assert value("plain_business_number(text)", text) == "1248100998"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "124-81-00997",
        "124-81-0099",
        "124-81-009980",
        "0000000000",
        "100-81-00998",
        "124-00-00998",
        "A248100998",
    ],
)
def test_what_is_no_number_is_none(value: Value, text: str | None) -> None:
    assert value("plain_business_number(text)", text) is None


@given(st.integers(101, 999), st.integers(1, 99), st.integers(1, 9999))
def test_one_check_digit_of_ten_is_right(
    connection: duckdb.DuckDBPyConnection, office: int, kind: int, serial: int
) -> None:
    nine = f"{office:03}{kind:02}{serial:04}"
    rows = connection.execute(
        "select digit = business_check_digit(?) from range(10) as digits (digit) "
        "where plain_business_number(? || digit::varchar) is not null",
        [nine, nine],
    ).fetchall()
    assert rows == [(True,)]
