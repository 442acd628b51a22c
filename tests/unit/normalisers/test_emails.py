"""An e-mail address is one address in any case and width, or none."""

from collections.abc import Callable

import pytest

Value = Callable[..., object]
# Each ASCII sign twice as wide.
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Kim.EunKyung@Example.COM ", "kim.eunkyung@example.com"),
        ("kim@example.co.kr".translate(WIDE), "kim@example.co.kr"),
        ("mailto:kim@example.kr", "kim@example.kr"),
        ("김은경 <kim@example.kr>", "kim@example.kr"),
        ("kim+shop@mail.example.kr", "kim+shop@mail.example.kr"),
        ("kim@한글.kr", "kim@한글.kr"),
    ],
)
def test_an_address_is_in_lower_case_and_bare(value: Value, text: str, expected: str) -> None:
    assert value("plain_email(text)", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "-",
        "없음",
        "kim",
        "kim@",
        "@example.kr",
        "kim@example",
        "kim@-a.kr",
        "kim@a..kr",
        "a b@c.kr",
        "a@b.kr,c@d.kr",
    ],
)
def test_what_is_not_one_address_is_none(value: Value, text: str | None) -> None:
    assert value("plain_email(text)", text) is None
