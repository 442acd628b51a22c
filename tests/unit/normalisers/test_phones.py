"""A telephone number is one number however it is written, and the same as in dbt."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.normalisers import create_normalising_macros

Value = Callable[..., object]
DBT_MACRO = Path(__file__).parents[3] / "dbt_project" / "macros" / "plain_phone.sql"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("010-1234-5678", "01012345678"),
        ("010.1234.5678", "01012345678"),
        ("010 1234 5678", "01012345678"),
        ("01012345678", "01012345678"),
        ("+82 10 1234 5678", "01012345678"),
        ("+82 (0)10-1234-5678", "01012345678"),
        ("0082 10 1234 5678", "01012345678"),
        ("０１０-１２３４-５６７８", "01012345678"),
        ("02-821-1234", "028211234"),
        ("+82-2-821-1234", "028211234"),
        ("(031) 821-1234", "0318211234"),
        ("821-1234", "8211234"),
        ("+1 202 555 0123", "12025550123"),
        ("12-34", None),
        ("none", None),
        ("", None),
        (None, None),
    ],
)
def test_a_number_is_as_one_dials_it_within_the_country(value: Value, text: str | None, expected: str | None) -> None:
    assert value("plain_phone(text)", text) == expected


@given(st.lists(st.text("0123456789０１２8 -.()+", max_size=18), min_size=1, max_size=50))
def test_dbt_and_identity_see_the_same_number(connection: duckdb.DuckDBPyConnection, phones: list[str]) -> None:
    module = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(DBT_MACRO.read_text())
    in_dbt = module.make_module({"var": lambda name: "82"}).default__plain_phone("phone")  # type: ignore[attr-defined]
    differing = connection.execute(
        f"select phone from (select unnest(?::varchar[]) as phone) where plain_phone(phone) is distinct from {in_dbt}",
        [phones],
    ).fetchall()
    assert differing == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("010-1234-5678", True),
        ("011-123-4567", True),
        ("+82 10 1234 5678", True),
        ("02-821-1234", False),
        ("070-1234-5678", False),
        ("010-1234", False),
        ("+1 202 555 0123", False),
        (None, None),
    ],
)
def test_a_mobile_number_is_known_by_its_prefix(value: Value, text: str | None, expected: bool | None) -> None:
    assert value("is_mobile_phone(plain_phone(text))", text) is expected


def test_another_country_has_its_own_code_and_mobile_numbers() -> None:
    with duckdb.connect() as connection:
        create_normalising_macros(connection, "44")
        row = connection.execute(
            "select plain_phone('+44 7911 123456'), is_mobile_phone('07911123456'), plain_phone('+82 10 1234 5678')"
        ).fetchone()
        assert row == ("07911123456", True, "821012345678")


def test_where_mobile_numbers_look_like_others_nothing_is_said_about_them() -> None:
    with duckdb.connect() as connection:
        create_normalising_macros(connection, "1")
        assert connection.execute("select is_mobile_phone('02025550123')").fetchone() == (None,)


@pytest.mark.parametrize("country_code", ["", "+82", "8a", "8282", "82'"])
def test_what_is_no_country_code_is_refused(country_code: str) -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="country code"):
        create_normalising_macros(connection, country_code)
