"""What looks like a resident, foreigner or card number is masked in every spelling, and what does not is left alone."""

import calendar
import re
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.sources.personal_numbers import create_masking_macros

RESIDENT = "******-*******"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        create_masking_macros(opened)
        yield opened


def masked(connection: duckdb.DuckDBPyConnection, macro: str, text: str) -> str:
    row = connection.execute(f"select {macro}(?)", [text]).fetchone()
    assert row is not None
    return str(row[0])


def count(connection: duckdb.DuckDBPyConnection, condition: str, texts: str) -> int:
    """How many of the values `text` of the query `texts` fulfil `condition`."""
    row = connection.execute(f"select count(*) from ({texts}) where {condition}").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("850101-1234567", RESIDENT),
        ("주민번호850101-1234567입니다", f"주민번호{RESIDENT}입니다"),
        ("850101 - 5234567", RESIDENT),
        ("\uff18\uff15\uff10\uff11\uff10\uff11\uff0d\uff11234567", RESIDENT),
        *((f"850101{hyphen}1234567", RESIDENT) for hyphen in "\u2010\u2011\u2013\u2014\u2212\uff0d"),
        ("850101-1234567 850102-2234567,850103-8234567", f"{RESIDENT} {RESIDENT},{RESIDENT}"),
        ("000229-3234567", RESIDENT),
        ("000229-1234567", None),  # 1900 was no leap year
        ("010229-3234567", None),
        ("850132-1234567", None),
        ("850101-9234567", None),
        ("850101-0234567", None),
        ("9850101-1234567", None),
        ("20850101-1234567", None),
        ("850101-12345678", None),
        ("8501011234567", None),
        ("850101-1******", None),
    ],
)
def test_with_a_hyphen_it_is_masked_anywhere(
    connection: duckdb.DuckDBPyConnection, text: str, expected: str | None
) -> None:
    assert masked(connection, "mask_hyphenated", text) == (expected or text)
    assert masked(connection, "may_hold_hyphenated", text) == str(expected is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8501011234567", RESIDENT),
        ("김은경(850101 1234567)", f"김은경({RESIDENT})"),
        ("4111111111111111", "****-****-****-1111"),
        ("카드 4111-1111-1111-1111 유효", "카드 ****-****-****-1111 유효"),
        ("qty 4 4111 1111 1111 1111 2", "qty 4 ****-****-****-1111 2"),
        ("3782 822463 10005", "****-****-****-0005"),
        ("010 4123 5678 4111 1111 1111 1111 5500000000000004", "010 4123 5678 ****-****-****-1111 ****-****-****-0004"),
        ("\uff14111111111111111", "****-****-****-1111"),
        ("+4111111111111111", "+****-****-****-1111"),
        *(
            (number, f"****-****-****-{number[-4:]}")
            for number in (
                "4222222222222",
                "5555555555554444",
                "2221000000000009",
                "2720990000000007",
                "371449635398431",
                "3530111333300000",
                "30569309025904",
                "36700102000000",
                "6011111111111117",
                "6221260000000000",
                "6205500000000000004",
                "9410000000000005",
            )
        ),
        ("4111111111111112", None),
        ("1234567812345670", None),  # the check digit is right, but nobody issues such cards
        ("41111111111111111111111", None),
        ("+4915112345678", None),
        ("+4910123456789", None),
        ("+850101-1234567", f"+{RESIDENT}"),
        ("010-4123-5678 010-2345-6789", None),
        ("****-****-****-4111 1111 1111 1111", None),
    ],
)
def test_in_text_about_a_person_it_is_masked_in_any_spelling(
    connection: duckdb.DuckDBPyConnection, text: str, expected: str | None
) -> None:
    assert masked(connection, "mask_any", text) == (expected or text)
    assert masked(connection, "holds_any", text) == str(expected is not None)
    if expected:
        assert masked(connection, "may_hold_any", text) == "True"


def test_nothing_and_an_empty_text_stay(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.execute("select mask_any(null), mask_hyphenated(null), mask_any('')").fetchone() == (
        None,
        None,
        "",
    )


def test_a_birth_date_is_one_of_the_calendar(connection: duckdb.DuckDBPyConnection) -> None:
    texts, expected = [], []
    for century, digits in ((1900, "1256"), (2000, "3478")):
        for year in range(100):
            for month in range(14):
                for day in range(33):
                    texts.append(f"{year:02}{month:02}{day:02}-{digits[day % 4]}000000")
                    days = calendar.monthrange(century + year, month)[1] if 1 <= month <= 12 else 0
                    expected.append(1 <= day <= days)
    dates = pa.table({"text": texts, "expected": expected})
    connection.register("dates", dates)
    assert count(connection, "true", "from dates") == 92_400
    assert count(connection, "may_hold_hyphenated(text) <> expected", "from dates") == 0
    assert count(connection, "mask_hyphenated(text) <> if(expected, '******-*******', text)", "from dates") == 0


# What companies' files are full of; the pattern of 13 digits alone would hit most of it.
ORDINARY = {
    "barcodes": "select '880' || lpad((hash(i) % 10000000000)::varchar, 10, '0') as text from range(100000) as t(i)",
    "epoch milliseconds": "select (1500000000000 + hash(i) % 300000000000)::varchar as text from range(100000) as t(i)",
    "order numbers": "select strftime(date '2024-01-01' + (i % 366)::integer, '%Y%m%d') || '-' "
    "|| lpad((hash(i) % 10000000)::varchar, 7, '0') as text from range(100000) as t(i)",
    "identifiers": "select (1000000000000000 + hash(i) % 9000000000000000)::varchar as text from range(100000) as t(i)",
    "identifiers in groups": "select regexp_replace((1000000000000000 + hash(i) % 9000000000000000)::varchar, "
    "'(.{4})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4') as text from range(100000) as t(i)",
    "unique identifiers": "select md5(i::varchar)::uuid::varchar as text from range(100000) as t(i)",
}
TELEPHONES_AND_AMOUNTS = {
    "telephones": "select '010-' || lpad((hash(i) % 10000)::varchar, 4, '0') || '-' "
    "|| lpad((hash(i + 1) % 10000)::varchar, 4, '0') as text from range(100000) as t(i)",
    "two telephones": "select format('010-{:04d}-{:04d} 02-{:03d}-{:04d}', (hash(i) % 10000)::integer, "
    "(hash(-i) % 10000)::integer, (hash(i) % 1000)::integer, i % 10000) as text from range(100000) as t(i)",
    "telephones abroad": "select '+49' || (10000000000 + hash(i) % 90000000000)::varchar as text "
    "from range(100000) as t(i)",
    "amounts": "select ((hash(i) % 100000000000000) / 100)::decimal(18, 2)::varchar as text from range(100000) as t(i)",
}


@pytest.mark.parametrize("name", [*ORDINARY, *TELEPHONES_AND_AMOUNTS])
def test_ordinary_numbers_are_never_masked_anywhere(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    texts = (ORDINARY | TELEPHONES_AND_AMOUNTS)[name]
    assert count(connection, "mask_hyphenated(text) <> text", texts) == 0
    assert count(connection, "may_hold_hyphenated(text)", texts) == 0


@pytest.mark.parametrize("name", TELEPHONES_AND_AMOUNTS)
def test_telephone_numbers_and_amounts_stay_in_text_too(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    assert count(connection, "mask_any(text) <> text", TELEPHONES_AND_AMOUNTS[name]) == 0


def test_numbers_without_a_hyphen_look_so_much_like_others_that_only_the_column_can_tell(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert count(connection, "mask_any(text) <> text", ORDINARY["barcodes"]) > 20_000
    assert 1_000 < count(connection, "mask_any(text) <> text", ORDINARY["identifiers"]) < 5_000


def test_the_check_digit_is_luhns(connection: duckdb.DuckDBPyConnection) -> None:
    def luhn(number: str) -> bool:
        doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(number))]
        return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0

    rows = connection.execute(
        "select text, has_check_digit(text) from (select (hash(i) % 10000000000000000)::varchar as text "
        "from range(2000) as t(i))"
    ).fetchall()
    assert [found for _, found in rows] == [luhn(number) for number, _ in rows]
    assert {found for _, found in rows} == {True, False}


NUMBERS = st.sampled_from(["850101-1234567", "8501011234567", "4111 1111 1111 1111", "5500000000000004"])
TEXTS = st.lists(NUMBERS | st.text("0123456789 -*+,가", max_size=12), max_size=6).map("".join)


@given(text=TEXTS)
@example("****-****-****-4111 1111 1111 1111")
@example("4111111111111111 5500000000000004 4111111111111111")
def test_what_is_masked_stays_as_it_is(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    once = masked(connection, "mask_any", text)
    assert masked(connection, "mask_any", once) == once
    assert masked(connection, "mask_hyphenated", once) == once


@given(before=st.text("가a ,(", max_size=4), number=NUMBERS, after=st.text("가a ,)", max_size=4))
def test_no_number_survives_between_other_text(
    connection: duckdb.DuckDBPyConnection, before: str, number: str, after: str
) -> None:
    text = f"{before}{number}{after}"
    assert masked(connection, "may_hold_any", text) == "True"
    left = masked(connection, "mask_any", text)
    assert left.startswith(before) and left.endswith(after)
    assert re.sub(r"[^0-9]", "", left) in ("", number[-4:])
