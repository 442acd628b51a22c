"""Letters that look alike become the same."""

import unicodedata
from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

Value = Callable[..., object]
# Each ASCII sign twice as wide.
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABC\u3000123-4".translate(WIDE), "ABC 123-4"),
        ("  a \u00a0\t b\ufeff ", "a b"),
        (unicodedata.normalize("NFD", "똠방각하"), "똠방각하"),
        ("", ""),
        (None, None),
    ],
)
def test_full_width_letters_odd_blanks_and_decomposed_hangul_become_plain(
    value: Value, text: str | None, expected: str | None
) -> None:
    assert value("plain_letters(text)", text) == expected


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_plain_letters_stay_as_they_are(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    row = connection.execute("select p, plain_letters(p) from (select plain_letters(?) as p)", [text]).fetchone()
    assert row is not None and row[0] == row[1]
