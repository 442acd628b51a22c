"""What is looked for loosely first is found wherever its exact spellings are, of few values as of many."""

import json
import re
import unicodedata

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.person.matching import Matching
from pipelines.person.spellings import END, patterns

FEW = {
    "name": ["하늘별", "𠮷田太郎", "Anna Kilič", "O'Neil-Kim"],
    "phone": ["010-5626-1111", "15881234"],
    "email": ["Sky@Example.com"],
    "birth_date": ["1980-07-16"],
    "customer_key": ["K00001"],
    "address": ["세종시 한누리로 12", "12 Main St."],
    "record_id": ["0123456789abcdef" * 2],
}
MANY = FEW | {"email": [*FEW["email"], *(f"other{number}@example.com" for number in range(100))]}
PIECES = [
    *("하늘별", "하 늘 별", "𠮷田太郎", "anna\u00a0kiliČ", "Anna\u3000KILI\u010c", "o'neİl-k\u0131m", "O'NEIL-KIM"),
    *("+82 10-5626-1111", "01056261111", "０１０\uff0d５６２６\uff0d１１１１", "1588-1234", "1", "0"),
    *("\u017fky@example.com", "SKY@EXAMPLE.COM", "1980년 7월 16일", "1980 년 7 월 16 일", "800716", "1980-7-16"),
    *("K00001", "세종시 한누리로  12", "12 main st.", "0123456789abcdef" * 2, "other7@example.com"),
    *(" ", "-", ",", "x", "가", "\0", END, "\u1100\u1161", "\u0301", "ß", "Σ", "\u212a", "\n", "년"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def spelt(values: dict[str, list[str]], text: str) -> set[tuple[str, str]]:
    """The values that their expressions, one by one, find in the text."""
    text = unicodedata.normalize("NFC", text)
    return {
        (kind, value)
        for kind, some in values.items()
        for value in some
        for expression in patterns({kind: [value]}).values()
        if re.search(expression, text) and (not re.fullmatch("[0-9a-f]{32}", text) or text == value)
    }


@pytest.mark.parametrize("values", [FEW, MANY], ids=["few", "many"])
@settings(max_examples=4 * settings().max_examples)
@given(texts)
def test_a_text_holds_what_its_exact_spellings_find(values, text):
    assert Matching(values).values(text) == spelt(values, text)


@pytest.mark.parametrize("values", [FEW, MANY], ids=["few", "many"])
@given(st.lists(texts, min_size=1, max_size=20))
def test_no_row_and_no_line_that_holds_a_value_is_passed_over(values, texts):
    matching = Matching(values)
    holding = {place for place, text in enumerate(texts) if spelt(values, text)}
    assert holding <= set(matching.held_texts(texts))
    with duckdb.connect() as connection:
        connection.register("rows", pa.table({"place": range(len(texts)), "text": texts}))
        held = {(place, text) for place, _, text in matching.held(connection, "rows", {"text": "VARCHAR"}, "place")}
    assert holding <= {place for place, _ in held}
    assert all(texts[place] == text for place, text in held)


@pytest.mark.parametrize("text", ["하늘별", "𠮷田太郎", "Anna Kilič"])
def test_a_name_that_json_has_written_in_ascii_is_found(text):
    assert Matching(FEW).values(json.dumps({"name": text})) == {("name", text)}


def test_of_a_text_full_of_escaped_characters_one_match_is_enough():
    matching = Matching(MANY)
    assert matching.held_texts([json.dumps("가" * 1_000_000), "nothing", json.dumps("나")]) == [0, 2]


def test_nothing_is_held_where_nothing_is_looked_for():
    with duckdb.connect() as connection:
        assert list(Matching({"name": ["김구"]}).held(connection, "(select 'x' as text)", {"text": "VARCHAR"})) == []
