"""A name is one name however it is written, and two names stay two."""

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
    "text",
    [
        "김은경",
        "김 은경",
        " 김은경  ",
        "김은경님",
        "김은경 님",
        "김은경 고객님",
        "김은경 대표님",
        "김은경씨",
        "김은경 귀하",
        "김은경(자택)",
        "김\u3000은경",
        "김·은경",
        unicodedata.normalize("NFD", "김은경"),
    ],
)
def test_spaces_honorifics_remarks_and_unicode_forms_are_no_part_of_a_name(value: Value, text: str) -> None:
    assert value("plain_name(text)", text) == "김은경"


@pytest.mark.parametrize(
    "text",
    [
        "(주)한빛전자",
        "(주)한빛전자".translate(WIDE),
        "㈜한빛전자",
        "주식회사 한빛전자",
        "한빛전자(주)",
        "한빛전자 주식회사 귀중",
        "한빛전자 Co., Ltd.",
        "한빛전자 Inc",
    ],
)
def test_a_legal_form_is_no_part_of_a_name(value: Value, text: str) -> None:
    assert value("plain_name(text)", text) == "한빛전자"


@pytest.mark.parametrize(
    "text", ["Hong, Gil-dong", "GILDONG HONG", "Gildong\u3000Hong".translate(WIDE), "Mr. Gildong Hong", "gil-dong hong"]
)
def test_a_latin_name_has_one_spelling(value: Value, text: str) -> None:
    assert value("spaced_name(text)", text) == "gildong hong"
    assert value("family_name(spaced_name(text))", text) == "hong"
    assert value("given_name(spaced_name(text))", text) == "gildong"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Siobhán O'Brien", "siobhanobrien"),
        ("Müller GmbH", "muller"),
        ("Acme Trading Company, Inc.", "acmetrading"),
        ("Maria Co", "mariaco"),
        ("박태군", "박태군"),
        ("농업협동조합", "농업협동조합"),
        ("7-Eleven", "7eleven"),
    ],
)
def test_what_belongs_to_a_name_stays(value: Value, text: str, expected: str) -> None:
    assert value("plain_name(text)", text) == expected


@pytest.mark.parametrize("text", [None, "", "  ", "님", "미상", "없음", "고객님", "UNKNOWN", "-", "()", "xxx"])
def test_a_placeholder_is_no_name(value: Value, text: str | None) -> None:
    for macro in ("spaced_name(text)", "plain_name(text)", "family_name(spaced_name(text))"):
        assert value(macro, text) is None


@pytest.mark.parametrize(
    ("text", "family", "given"),
    [
        ("김은경", "김", "은경"),
        ("김 은경", "김", "은경"),
        ("이솔", "이", "솔"),
        ("남궁민", "남궁", "민"),
        ("남궁 민수", "남궁", "민수"),
        ("제갈공명", "제갈", "공명"),
        ("독고탁", "독고", "탁"),
        ("황보영수", "황보", "영수"),
        ("황보 영", "황보", "영"),
        ("황보람", "황", "보람"),
        ("선우용녀", "선우", "용녀"),
        ("한빛전자산업", None, None),
        ("행복식당 김은경", None, None),
        ("kim 은경", None, None),
    ],
)
def test_family_and_given_name_are_told_apart(value: Value, text: str, family: str | None, given: str | None) -> None:
    assert value("family_name(spaced_name(text))", text) == family
    assert value("given_name(spaced_name(text))", text) == given


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("행복식당 김은경", "김은경"),
        ("행복식당 김 은경님", "김은경"),
        ("소망약국 남궁민수", "남궁민수"),
        ("김은경", "김은경"),
        ("남궁 민수", "남궁민수"),
        ("우리마트 본점", None),
        ("행복식당본점", None),
        (None, None),
    ],
)
def test_a_sole_proprietor_is_the_person_that_the_shops_name_ends_with(
    value: Value, text: str | None, owner: str | None
) -> None:
    assert value("owner_name(spaced_name(text))", text) == owner


@given(st.text("김이은경남궁황보님씨주식회사()㈜ .,'-abÉ１", max_size=12))
def test_a_normalised_name_without_honorific_has_no_spaces_and_no_signs(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    row = connection.execute("select plain_name(?)", [text]).fetchone()
    assert row is not None
    assert row[0] is None or (row[0].isalnum() and row[0] == row[0].lower())
