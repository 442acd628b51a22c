"""An address is taken apart the same, however its province, its lot and its unit are written."""

from collections.abc import Callable, Iterator

import duckdb
import pytest

from pipelines.normalisers import create_normalising_macros
from pipelines.normalisers.addresses import create_region_keys

Parts = Callable[[str | None], dict]

REGIONS = [
    ("1100000000", "서울특별시", True),
    ("1168000000", "서울특별시 강남구", True),
    ("1168010100", "서울특별시 강남구 역삼동", True),
    ("1168064000", "서울특별시 강남구 역삼1동", False),
    ("1114000000", "서울특별시 중구", True),
    ("2611000000", "부산광역시 중구", True),
    ("2611011900", "부산광역시 중구 대청동4가", True),
    ("2917010700", "광주광역시 북구 용봉동", True),
    ("3611000000", "세종특별자치시", True),
    ("3611010100", "세종특별자치시 반곡동", True),
    ("4111710300", "경기도 수원시 영통구 이의동", True),
    ("4161034025", "경기도 광주시 퇴촌면 도수리", True),
    ("4511312600", "전라북도 전주시 덕진구 성덕동", True),
    ("4715040026", "경상북도 김천시 조마면 신왕리", True),
    ("2171010100", "부산직할시 중구 대청동4가", False),
    ("5011025300", "제주특별자치도 제주시 애월읍", True),
]


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """The parts of an address and its `region_code`."""
    with duckdb.connect() as connection:
        create_normalising_macros(connection)
        connection.execute("create table regions (region_code varchar, region_name varchar, is_current boolean)")
        connection.executemany("insert into regions values (?, ?, ?)", REGIONS)
        create_region_keys(connection, "regions")

        def ask(text: str | None) -> dict:
            row = connection.execute(
                "select parts, region_code(parts) from (select address_parts(?::varchar) as parts)", [text]
            ).fetchone()
            assert row is not None
            return {**row[0], "region_code": row[1]}

        yield ask


@pytest.mark.parametrize(
    "text",
    [
        "서울특별시 강남구 테헤란로 152, 101동 1203호 (역삼동, 한빛아파트)",
        "서울시 강남구 테헤란로 152 101동 1203호(역삼동)",
        "서울 강남구 테헤란로152, 101-1203 (역삼동)",
        "서울특별시강남구 테헤란로 152 한빛아파트 제101동 12층 1203호 (역삼동)",
        "강남구 테헤란로 １５２,101동1203호 (역삼동)",
    ],
)
def test_a_road_address_is_the_same_in_every_spelling(parts: Parts, text: str) -> None:
    found = parts(text)
    assert found["region_code"] == "1168010100"
    assert (found["town"], found["street"], found["house_number"]) == ("역삼동", "테헤란로", "152 101-1203")
    assert found["has_unit"] is True


@pytest.mark.parametrize(
    "text",
    [
        "서울특별시 강남구 역삼동 123-45 한빛아파트 101동 1203호",
        "서울 강남구 역삼동 123-45번지 101-1203",
        "강남구 역삼동123-45, 한빛아파트 101동 1203호",
    ],
)
def test_a_lot_address_is_the_same_in_every_spelling(parts: Parts, text: str) -> None:
    found = parts(text)
    assert found["region_code"] == "1168010100"
    assert (found["town"], found["street"], found["house_number"]) == ("역삼동", "역삼동", "123-45 101-1203")
    assert found["has_unit"] is True


@pytest.mark.parametrize(
    "text",
    ["수원시 영통구 중앙로123번길 4", "수원시 영통구 중앙로 123번길 4", "수원시 영통구 중앙로 123번길 4, 2층"],
)
def test_a_side_road_is_part_of_the_road(parts: Parts, text: str) -> None:
    found = parts(text)
    assert (found["street"], found["house_number"]) == ("중앙로123번길", "4")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("경상북도 김천시 조마면 신왕리 861-60", "4715040026"),
        ("경북 김천시 조마면 신왕리 861-60", "4715040026"),
        ("부산광역시 중구 대청동4가 775-21", "2611011900"),
        ("부산시 중구 대청동4가 775-21", "2611011900"),
        ("전북특별자치도 전주시 덕진구 성덕동 258-14", "4511312600"),
        ("전라북도 전주시 덕진구 성덕동 258-14", "4511312600"),
        ("경기도 광주시 퇴촌면 도수리 287-61", "4161034025"),
        ("광주시 퇴촌면 도수리 287-61", "4161034025"),
        ("광주시 북구 용봉동 12", "2917010700"),
        ("수원시 영통구 이의동 산 12-3", "4111710300"),
        ("세종시 반곡동 1", "3611010100"),
        ("세종특별자치시 한누리대로 2130", "3611000000"),
        ("제주도 제주시 애월읍 애월로 12", "5011025300"),
        ("제주시 애월읍 애월로 12", "5011025300"),
        ("서울 강남구 역삼1동 12-1", "1168010100"),
        ("서울 강남구 없는동 12-1", "1168000000"),
        ("서울 강남구 테헤란로 152", "1168000000"),
        ("중구 대청동 1", None),
        ("somewhere 12", None),
        (None, None),
    ],
)
def test_the_region_is_the_smallest_that_is_named_without_doubt(
    parts: Parts, text: str | None, code: str | None
) -> None:
    assert parts(text)["region_code"] == code


@pytest.mark.parametrize(
    ("text", "house_number", "has_unit"),
    [
        ("서울 강남구 테헤란로 152", "152", False),
        ("서울 강남구 테헤란로 152-3 3층", "152-3", False),
        ("서울 강남구 테헤란로 지하 152", "지하152", False),
        ("서울 강남구 논현로85길 7, 201호", "7 201", True),
        ("서울 강남구 논현로 85길 7, 201호", "7 201", True),
        ("서울 강남구 논현로85길 7 B01호", "7 b01", True),
        ("서울 강남구 논현로85길 7 가동 201호", "7 가-201", True),
        ("서울 강남구 역삼동 산 12-3", "산12-3", False),
        ("서울 강남구 역삼동 123-45", "123-45", False),
        ("경북 김천시 조마면 844-95", "844-95", False),
        ("서울 강남구 역삼동", None, False),
    ],
)
def test_a_unit_is_told_from_a_building(parts: Parts, text: str, house_number: str | None, has_unit: bool) -> None:
    found = parts(text)
    assert (found["house_number"], found["has_unit"]) == (house_number, has_unit)


@pytest.mark.parametrize("text", [None, "", "  ", "주소불명"])
def test_where_nothing_is_named_every_part_is_null(parts: Parts, text: str | None) -> None:
    assert not any(parts(text).values())
