"""The sources file's mapping onto a contract, and the one cast into its types."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.ledger.tables import create_tables
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.json_lines_landing import with_paths
from pipelines.sources.mapping import create_mapped_rows, map_landing

DELIVERY_DATE = date(2024, 5, 17)

Map = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def map_rows(home: LoadingHome) -> Map:
    """Maps rows of landing, given as a query, and returns the mapped rows by row number."""

    def run(
        feed: str, columns: dict[str, Any], landing: str, format: str = "csv", zone: str = "Asia/Seoul", **words: str
    ):
        source = {"feed": feed, "source_system": "branch", "path": "a_file", "delivery_date": DELIVERY_DATE} | words
        required = {
            column.name: {"constant": "1" if column.data_type in ("varchar", "decimal(18,2)") else "2024-05-01"}
            for column in feeds()[feed].columns
            if column.required
        }
        parsed = SourcesFile.model_validate(
            {
                "version": 1,
                "company": {"time_zone": zone},
                "sources": [source | {"format": format, "columns": required | columns}],
            }
        )
        with connected(home.settings, None) as gate:
            gate.execute("create table batches (batch_id varchar, delivery_date date, part varchar)")
            gate.execute(
                "insert into batches values ('one', ?, ''), ('earlier', ?, '')", [DELIVERY_DATE, date(2024, 1, 1)]
            )
            create_mapped_rows(gate, feeds()[feed])
            gate.execute(
                "create table landing as select 'one' as batch_id, row_number() over () as row_number, "
                f"null::varchar as _unparsed, null::varchar as _record, * from ({landing})"
            )
            map_landing(gate, parsed.sources[0], parsed.company, home.settings)
            found = gate.execute("from mapped_rows order by batch_id desc, row_number")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return run


def one(name: str, *values: str | None) -> str:
    """Landing with one text column and these values."""
    rows = ", ".join("(null)" if value is None else "('" + value.replace("'", "''") + "')" for value in values)
    return f'select column0::varchar as "{name}" from (values {rows}) as rows (column0)'


def test_a_column_is_trimmed_and_empty_text_is_null(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"customer_name": "n"}, one("n", " 김 은경 ", "", "   ", None))
    assert [row["customer_name"] for row in rows] == ["김 은경", None, None, None]


def test_a_column_that_is_not_mapped_is_null(map_rows: Map) -> None:
    (row,) = map_rows("branch__customers", {}, one("n", "x"))
    assert row["customer_name"] is None and row["birth_date"] is None and row["area_system"] is None
    assert row["unreadable_columns"] is None


def test_a_constant_fills_every_row_and_is_cast(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"birth_date": {"constant": "1990-01-31"}}, one("n", "x", "y"))
    assert [row["birth_date"] for row in rows] == [date(1990, 1, 31)] * 2


def test_values_translate_codes_and_leave_others_as_they_are(map_rows: Map) -> None:
    mapping = {"party_type": {"column": "n", "values": {"1": "person", "it's": "corporation"}}}
    rows = map_rows("branch__customers", mapping, one("n", "1", "it's", "3", None))
    assert [row["party_type"] for row in rows] == ["person", "corporation", "3", None]
    rows = map_rows("branch__customers", mapping, "select unnest([1, 2]) as n", format="parquet")
    assert [row["party_type"] for row in rows] == ["person", "2"]


def test_a_composite_key_joins_its_parts_and_is_null_where_one_is_missing(map_rows: Map) -> None:
    mapping = {"customer_key": {"columns": ["a", "b"], "separator": "-"}}
    landing = "select * from (values ('1', '23'), ('12', '3'), ('1', ''), (null, '1')) as rows (a, b)"
    rows = map_rows("branch__customers", mapping, landing)
    assert [row["customer_key"] for row in rows] == ["1-23", "12-3", None, None]
    rows = map_rows("branch__customers", mapping, "select 31625220889::bigint as a, 7 as b", format="parquet")
    assert rows[0]["customer_key"] == "31625220889-7"


def test_dates_are_iso_or_of_their_format_and_anything_else_is_unreadable(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"birth_date": "n"}, one("n", "1990-01-31", "19900131", "1990-02-30", ""))
    assert [row["birth_date"] for row in rows] == [date(1990, 1, 31), None, None, None]
    assert [row["unreadable_columns"] for row in rows] == [None, "birth_date", "birth_date", None]
    mapping = {"birth_date": {"column": "n", "format": "%Y%m%d"}}
    rows = map_rows("branch__customers", mapping, one("n", "19900131", "1990-01-31", "19900230"))
    assert [row["birth_date"] for row in rows] == [date(1990, 1, 31), None, None]


def test_unreadable_columns_are_all_named(map_rows: Map) -> None:
    (row,) = map_rows("branch__customers", {"birth_date": "n", "registered_date": "n"}, one("n", "never"))
    assert row["unreadable_columns"] == "birth_date, registered_date"


def called_at(map_rows: Map, values: list[str], zone: str = "Asia/Seoul", format: str | None = None) -> list[Any]:
    mapping = {"column": "n"} | ({"format": format} if format else {})
    rows = map_rows("call_center__calls", {"started_at": mapping}, one("n", *values), zone=zone)
    return [row["started_at"] for row in rows]


def test_timestamps_are_local_to_the_company_and_stored_in_utc(map_rows: Map) -> None:
    assert called_at(map_rows, ["2024-05-17 08:30:00", "2024-05-17T08:30:00.5", "2024-05-17"]) == [
        datetime(2024, 5, 16, 23, 30),
        datetime(2024, 5, 16, 23, 30, 0, 500000),
        datetime(2024, 5, 16, 15),
    ]
    # New York has summer time: four hours in July, five in January.
    assert called_at(map_rows, ["2024-07-01 00:00", "2024-01-01 00:00"], zone="America/New_York") == [
        datetime(2024, 7, 1, 4),
        datetime(2024, 1, 1, 5),
    ]
    assert called_at(map_rows, ["20240517083000"], format="%Y%m%d%H%M%S") == [datetime(2024, 5, 16, 23, 30)]


def test_a_stated_offset_goes_before_the_companys_zone(map_rows: Map) -> None:
    utc = datetime(2024, 5, 17, 8, 30)
    expected = {
        "2024-05-17T08:30:00Z": utc,
        "2024-05-17 08:30:00 UTC": utc,
        "2024-05-17 08:30:00+00": utc,
        "2024-05-17T08:30:00+09:00": utc - timedelta(hours=9),
        "2024-05-17T08:30:00.000+0900": utc - timedelta(hours=9),
        "2024-05-17 08:30:00-04": utc + timedelta(hours=4),
        "2024-05-17 08:30:00 America/New_York": utc + timedelta(hours=4),
        "2024-05-17 08:30:00 somewhere": None,
    }
    assert dict(zip(expected, called_at(map_rows, list(expected)), strict=True)) == expected


def test_typed_timestamps_keep_their_meaning(map_rows: Map) -> None:
    landing = (
        "select timestamp '2024-05-17 08:30' as t, timestamptz '2024-05-17 08:30:00+02' as z, date '2024-05-17' as d"
    )
    for column, expected in {
        "t": datetime(2024, 5, 16, 23, 30),
        "z": datetime(2024, 5, 17, 6, 30),
        "d": datetime(2024, 5, 16, 15),
    }.items():
        (row,) = map_rows("call_center__calls", {"started_at": column}, landing, format="parquet")
        assert row["started_at"] == expected, column


def amounts(map_rows: Map, landing: str, format: str = "csv") -> list[tuple[Any, Any]]:
    rows = map_rows("branch__transactions", {"amount": "n"}, landing, format=format)
    return [(row["amount"], row["unreadable_columns"]) for row in rows]


def test_decimals_are_plain_digits(map_rows: Map) -> None:
    values = ["12.34", "-0.5", "+7", "1000000", ".5", "3."]
    assert [amount for amount, _ in amounts(map_rows, one("n", *values))] == [
        Decimal(value) for value in ("12.34", "-0.50", "7.00", "1000000.00", "0.50", "3.00")
    ]
    for wrong in ("1,000", "5.551115e-17", "1e3", "12 34", "₩5", "0x1F", "nan", "infinity", "--1", "1_000"):
        assert amounts(map_rows, one("n", wrong)) == [(None, "amount")], wrong


def test_a_number_with_more_decimals_than_the_contract_keeps_is_unreadable(map_rows: Map) -> None:
    for wrong in ("10.005", "0.001", "-.999", "1.0000001", "12.340000009"):
        assert amounts(map_rows, one("n", wrong)) == [(None, "amount")], wrong
        assert amounts(map_rows, f"select {wrong}::decimal(18,9) as n", format="parquet") == [(None, "amount")], wrong
    for right in ("10.00", "10.0100000", ".0100", "7.000"):
        for landing, format in ((one("n", right), "csv"), (f"select {right}::decimal(18,9) as n", "parquet")):
            assert amounts(map_rows, landing, format) == [(Decimal(right).quantize(Decimal("0.01")), None)], right
    (row,) = map_rows("branch__transactions", {"quantity": "n"}, one("n", "0.125"))
    assert row["quantity"] == Decimal("0.125")


def test_doubles_go_straight_to_the_decimal(map_rows: Map) -> None:
    # As text, DuckDB would read the first as 0.01.
    landing = "select unnest([5.551115e-17, 0.1 + 0.2, 2.675, -1e-9, 1e30])::double as n"
    assert amounts(map_rows, landing, format="parquet") == [
        (Decimal("0.00"), None),
        (Decimal("0.30"), None),
        (Decimal("2.68"), None),
        (Decimal("0.00"), None),
        (None, "amount"),
    ]


def test_integers_are_never_rounded(map_rows: Map) -> None:
    rows = map_rows("call_center__calls", {"talk_seconds": "n"}, one("n", "60", "60.0", "1.5", "1e2", "99999999999"))
    assert [row["talk_seconds"] for row in rows] == [60, 60, None, None, None]
    assert [row["unreadable_columns"] for row in rows] == [None, None, *["talk_seconds"] * 3]
    rows = map_rows("call_center__calls", {"talk_seconds": "n"}, "select unnest([60.0, 1.5])::double as n", "parquet")
    assert [row["talk_seconds"] for row in rows] == [60, None]
    assert [row["unreadable_columns"] for row in rows] == [None, "talk_seconds"]


def test_an_integer_key_becomes_text_without_a_decimal_point(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"customer_key": "n"}, "select 18446744073709551615::ubigint as n", "parquet")
    assert rows[0]["customer_key"] == "18446744073709551615"


def test_a_key_into_another_feed_says_whose_numbering_it_uses(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"area_key": "n"}, one("n", "1168010100", ""))
    assert [row["area_system"] for row in rows] == ["branch", None]
    mapping = {"area_key": "n", "area_system": {"constant": "statistics"}}
    assert map_rows("branch__customers", mapping, one("n", "1168010100"))[0]["area_system"] == "statistics"


def test_a_format_that_states_the_offset_takes_it_off_once(map_rows: Map) -> None:
    column = {"column": "at", "format": "%Y-%m-%d %H:%M:%S %z"}
    landing = one("at", "2024-01-16 00:30:00 +0900", "2024-01-15 15:30:00 +0000", "2024-01-16 00:30:00")
    found = map_rows("branch__transactions", {"transacted_at": column}, landing)
    instant = datetime(2024, 1, 15, 15, 30)
    assert [row["transacted_at"] for row in found] == [instant, instant, None]
    assert found[2]["unreadable_columns"] == "transacted_at"
    days = map_rows("branch__customers", {"registered_date": column}, landing)
    assert [row["registered_date"] for row in days] == [date(2024, 1, 16), date(2024, 1, 16), None]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024-01-15T23:30:00Z", date(2024, 1, 16)),
        ("2024-01-16T00:30:00+09:00", date(2024, 1, 16)),
        ("2024-01-15 10:00:00-05", date(2024, 1, 16)),
        ("2024-01-15 23:30:00", date(2024, 1, 15)),
        ("2024-01-15", date(2024, 1, 15)),
        ("2024-01-15 11:30 PM", date(2024, 1, 15)),
        ("2024-01-15T23:30:00 Nowhere/Land", None),
    ],
)
def test_the_day_of_a_text_with_an_offset_is_the_companys(map_rows: Map, value: str, day: date | None) -> None:
    (row,) = map_rows("branch__customers", {"registered_date": "day"}, one("day", value))
    assert row["registered_date"] == day
    assert row["unreadable_columns"] == (None if day else "registered_date")


def test_the_day_of_a_typed_instant_is_the_companys(map_rows: Map) -> None:
    landing = "select timestamptz '2024-01-15 15:00:00+00' as day union all select timestamptz '2024-01-15 14:59:59+00'"
    found = map_rows("branch__customers", {"registered_date": "day"}, landing, format="parquet")
    assert [row["registered_date"] for row in found] == [date(2024, 1, 16), date(2024, 1, 15)]
    found = map_rows("branch__customers", {"registered_date": "day"}, landing, format="parquet", zone="Europe/London")
    assert {row["registered_date"] for row in found} == {date(2024, 1, 15)}


def test_times_without_an_offset_are_of_the_sources_zone(map_rows: Map) -> None:
    text = one("at", "2024-01-14 16:30:00", "2024-01-14T16:30:00+09:00", "2024-01-14")
    typed = "select timestamp '2024-01-14 16:30:00' as at"
    stated = one("at", "14.01.2024 16:30")
    mapped = {"transacted_at": "at"}
    found = map_rows("branch__transactions", mapped, text, time_zone="UTC")
    assert [row["transacted_at"] for row in found] == [
        datetime(2024, 1, 14, 16, 30),
        datetime(2024, 1, 14, 7, 30),
        datetime(2024, 1, 14),
    ]
    (row,) = map_rows("branch__transactions", mapped, typed, format="parquet", time_zone="UTC")
    assert row["transacted_at"] == datetime(2024, 1, 14, 16, 30)
    # As a day it is Seoul's, and a day without a time stays what it is.
    days = map_rows("branch__customers", {"registered_date": "at"}, text, time_zone="UTC")
    assert [row["registered_date"] for row in days] == [date(2024, 1, 15), date(2024, 1, 14), date(2024, 1, 14)]
    (row,) = map_rows("branch__customers", {"registered_date": "at"}, typed, format="parquet", time_zone="UTC")
    assert row["registered_date"] == date(2024, 1, 15)
    column = {"column": "at", "format": "%d.%m.%Y %H:%M"}
    (row,) = map_rows("branch__customers", {"registered_date": column}, stated, time_zone="UTC")
    assert row["registered_date"] == date(2024, 1, 15)


def test_a_year_of_two_digits_is_no_date(map_rows: Map) -> None:
    for mapping in ("day", {"column": "day", "format": "%m-%d-%Y"}):
        (row,) = map_rows("branch__customers", {"registered_date": mapping}, one("day", "01-02-24"))
        assert (row["registered_date"], row["unreadable_columns"]) == (None, "registered_date")
    (row,) = map_rows("branch__transactions", {"transacted_at": "at"}, one("at", "01-02-24 10:00:00"))
    assert (row["transacted_at"], row["unreadable_columns"]) == (None, "transacted_at")
    (row,) = map_rows("branch__customers", {"registered_date": "d"}, "select date '0001-01-01' as d", format="parquet")
    assert (row["registered_date"], row["unreadable_columns"]) == (None, "registered_date")
    column = {"column": "day", "format": "%m-%d-%y"}
    (row,) = map_rows("branch__customers", {"registered_date": column}, one("day", "01-02-24"))
    assert row["registered_date"] == date(2024, 1, 2)


def test_excel_serials_count_days_since_1899_12_30(map_rows: Map) -> None:
    column = {"column": "n", "format": "excel_serial"}
    expected = {
        "45292": date(2024, 1, 1),
        "45292.0": date(2024, 1, 1),
        "45292.99": date(2024, 1, 1),
        "61": date(1900, 3, 1),
        "2024-01-31": date(2024, 1, 31),  # beside serials, in a column of both
    }
    unreadable = ["60", "0", "-1", "2958466", "20240101", "1e300", "nan", "K1"]
    rows = map_rows("branch__customers", {"birth_date": column}, one("n", *expected, *unreadable))
    assert [row["birth_date"] for row in rows] == [*expected.values(), *[None] * len(unreadable)]
    assert {row["unreadable_columns"] for row in rows[len(expected) :]} == {"birth_date"}
    for landing, day in (("45292::bigint", 1), ("45292.75::double", 1), ("date '2024-01-02'", 2)):
        (row,) = map_rows("branch__customers", {"birth_date": column}, f"select {landing} as n", format="excel")
        assert row["birth_date"] == date(2024, 1, day), landing


def test_an_excel_serial_with_a_fraction_is_a_local_time(map_rows: Map) -> None:
    column = {"column": "n", "format": "excel_serial"}
    landing = "select unnest([45292, 45292.5, 45292 + 10 / 24.0 + 10 / 1440.0, 0.5])::double as n"
    rows = map_rows("call_center__calls", {"started_at": column}, landing, format="excel")
    assert [row["started_at"] for row in rows] == [
        datetime(2023, 12, 31, 15),
        datetime(2024, 1, 1, 3),
        datetime(2024, 1, 1, 1, 10),
        None,
    ]
    assert rows[3]["unreadable_columns"] == "started_at"
    (row,) = map_rows("call_center__calls", {"started_at": column}, "select timestamp '2024-01-01 12:00' as n")
    assert row["started_at"] == datetime(2024, 1, 1, 3)


def test_a_dotted_path_reaches_into_json(map_rows: Map, home: LoadingHome) -> None:
    record = '{"party": [{"number": "K1", "name": ""}], "born": "1990-01-31"}'
    source = {
        "feed": "branch__customers",
        "source_system": "branch",
        "path": "a",
        "delivery_date": DELIVERY_DATE,
        "format": "json_lines",
        "columns": {
            "customer_key": "party.0.number",
            "customer_name": "party.0.name",
            "phone": "party.1.phone",
            "birth_date": "born",
        },
    }
    parsed = SourcesFile.model_validate({"version": 1, "sources": [source]})
    with connected(home.settings, None) as gate:
        gate.execute("create table batches as select 'one' as batch_id, date '2024-05-17' as delivery_date, '' as part")
        create_mapped_rows(gate, feeds()["branch__customers"])
        landed = "(select 'one' as batch_id, 1 as row_number, null::varchar as _unparsed, ?::varchar as _record)"
        gate.execute("create table landing as " + with_paths(landed, parsed.sources[0].source_columns), [record])
        map_landing(gate, parsed.sources[0], parsed.company, home.settings)
        found = gate.execute("select customer_key, customer_name, phone, birth_date from mapped_rows").fetchall()
    assert found == [("K1", None, None, date(1990, 1, 31))]


def campaigns(home: LoadingHome, *rows: tuple[str, str, str, str]) -> None:
    """Put (system, delivery date, key, start date) into raw campaigns."""
    with duckdb.connect(str(home.settings.warehouse)) as warehouse:
        create_tables(warehouse)
        warehouse.executemany(
            "insert into raw.campaign__campaigns (source_system, delivery_date, batch_id, row_number, campaign_key, "
            "start_date) values (?, ?, 'b', 1, ?, ?)",
            rows,
        )


LOOK_UP = {"look_up": "campaign__campaigns", "match": {"campaign_key": "c"}, "take": "start_date"}


def test_a_look_up_takes_what_was_known_on_the_delivery_date(map_rows: Map, home: LoadingHome) -> None:
    campaigns(
        home,
        ("branch", "2024-05-01", "A", "2024-05-02"),
        ("branch", "2024-05-17", "A", "2024-05-03"),
        ("branch", "2024-05-18", "A", "2024-05-04"),
        ("branch", "2024-05-18", "B", "2024-05-05"),
        ("another", "2024-05-17", "C", "2024-05-06"),
    )
    mapping = {"campaign_key": "c", "assigned_at": LOOK_UP}
    rows = map_rows("campaign__contacts", mapping, one("c", "A", "B", "C", "D", "", " A "))
    midnight = datetime(2024, 5, 2, 15)  # of 3 May in Seoul
    assert [row["assigned_at"] for row in rows] == [midnight, None, None, None, None, midnight]
    mapping |= {"campaign_system": {"constant": "another"}}
    rows = map_rows("campaign__contacts", mapping, one("c", "A", "C"))
    assert [row["assigned_at"] for row in rows] == [None, datetime(2024, 5, 5, 15)]


def test_equal_rows_have_equal_hashes_and_others_have_not(map_rows: Map) -> None:
    mapping = {"customer_name": "a", "phone": "b"}
    landing = "select * from (values ('x', 'y'), (' x', 'y '), ('xy', ''), ('', 'xy'), (null, null)) as rows (a, b)"
    hashes = [row["content_hash"] for row in map_rows("branch__customers", mapping, landing)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_a_replacement_character_marks_the_row_and_no_other(map_rows: Map) -> None:
    rows = map_rows("branch__customers", {"customer_name": "n"}, one("n", "김\ufffd", "김"))
    assert [row["is_undecodable"] for row in rows] == [True, False]


def test_a_delivery_ends_at_midnight_of_the_companys_zone(map_rows: Map) -> None:
    for zone, expected in {
        "Asia/Seoul": datetime(2024, 5, 17, 15),
        "America/New_York": datetime(2024, 5, 18, 4),
    }.items():
        assert map_rows("branch__customers", {}, one("n", "x"), zone=zone)[0]["delivery_ends_at"] == expected
