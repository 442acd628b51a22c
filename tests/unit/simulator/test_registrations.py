"""Simulated registrations hold as much dirt as they say, in the canonical tables, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.normalisers import create_normalising_macros
from pipelines.person.records import gather_records
from pipelines.simulator.registrations import write_registrations

PEOPLE = 20_000

RECORD_COLUMNS = {
    "record_id": "VARCHAR",
    "source_system": "VARCHAR",
    "record_key": "VARCHAR",
    "first_delivery_date": "DATE",
    "party_type": "VARCHAR",
    "person_key": "VARCHAR",
    "site_key": "VARCHAR",
    "full_name": "VARCHAR",
    "family_name": "VARCHAR",
    "given_name": "VARCHAR",
    "birth_date": "DATE",
    "sex": "VARCHAR",
    "email": "VARCHAR",
    "region_code": "VARCHAR",
    "town": "VARCHAR",
    "street": "VARCHAR",
    "house_number": "VARCHAR",
    "has_unit": "BOOLEAN",
}


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table in ("records", "phones", "truth", "rows"):
        connection.execute(f"create view {table} as from '{folder}/{table}.parquet'")
    return connection


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("registrations")
    write_registrations(folder, PEOPLE, seed=4)
    assert {path.stem for path in folder.iterdir()} == {"records", "phones", "truth", "rows"}
    with opened(folder) as connection:
        connection.execute(
            "create view persons as from records join truth using (record_id) where birth_date is not null"
        )
        yield connection


def share(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    row = connection.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def test_the_rows_are_gathered_to_the_same_records_and_numbers(registered: duckdb.DuckDBPyConnection) -> None:
    create_normalising_macros(registered)
    registered.execute(
        "create temp view raw_rows as select *, 'b' as batch_id, row_number() over () as row_number from rows"
    )
    gather_records(registered, "raw_rows", "gathered", "gathered_phones", None)
    for made, written in (("gathered", "records"), ("gathered_phones", "phones")):
        assert share(registered, f"select count(*) from (from {made} except from {written})") == 0
        assert share(registered, f"select count(*) from (from {written} except from {made})") == 0


def test_the_tables_are_the_canonical_ones(registered: duckdb.DuckDBPyConnection) -> None:
    described = {name: kind for name, kind, *_ in registered.execute("describe records").fetchall()}
    assert described == RECORD_COLUMNS
    described = {name: kind for name, kind, *_ in registered.execute("describe phones").fetchall()}
    assert described == {"record_id": "VARCHAR", "phone": "VARCHAR", "valid_from": "DATE", "valid_to": "DATE"}


def test_there_are_two_and_a_half_records_a_person_each_with_one_truth(registered: duckdb.DuckDBPyConnection) -> None:
    counts = "select count(*), count(distinct record_id), count(distinct (source_system, record_key)) from records"
    assert registered.execute(counts).fetchone() == (2.5 * PEOPLE, 2.5 * PEOPLE, 2.5 * PEOPLE)
    assert registered.execute("select count(distinct person_id) from truth").fetchone() == (PEOPLE,)
    assert share(registered, "select count(*) from records anti join truth using (record_id)") == 0


# Shares of records; the tolerance is four standard deviations of a draw of 50,000.
@pytest.mark.parametrize(
    ("measured", "expected", "tolerance"),
    [
        ("select avg((birth_date is null)::integer) from records where party_type <> 'corporation'", 0.15, 0.007),
        ("select avg((email is null)::integer) from records", 0.50, 0.009),
        ("select avg((record_id not in (select record_id from phones))::integer) from records", 0.20, 0.008),
        ("select avg((party_type = 'corporation')::integer) from records", 0.01, 0.004),
        ("select avg((person_key is not null or site_key is not null)::integer) from records", 0.0, 0.0),
        ("select avg((full_name is null or region_code is null or house_number is null)::integer) from records", 0, 0),
        ("select avg((first_delivery_date = date '2025-12-31')::integer) from records", 0.004, 0.0),
    ],
)
def test_what_is_missing_is_missing_as_often_as_it_says(
    registered: duckdb.DuckDBPyConnection, measured: str, expected: float, tolerance: float
) -> None:
    assert share(registered, measured) == pytest.approx(expected, abs=tolerance)


# What departs from the person's most frequent value, among those with three records or more that have one.
@pytest.mark.parametrize(
    ("column", "expected"),
    [("full_name", 0.03), ("birth_date", 0.02 / 0.85), ("region_code", 0.10)],
)
def test_what_is_wrong_or_moved_departs_as_often_as_it_says(
    registered: duckdb.DuckDBPyConnection, column: str, expected: float
) -> None:
    departing = share(
        registered,
        f"""
        with usual as (
            select person_id, mode({column}) as usual from records join truth using (record_id)
            where {column} is not null group by person_id having count({column}) >= 3
        )
        select avg(({column} <> usual)::integer) from records join truth using (record_id) join usual using (person_id)
        where {column} is not null
        """,
    )
    assert departing == pytest.approx(expected, rel=0.15)


def test_a_person_has_another_number_in_one_record_of_sixteen(registered: duckdb.DuckDBPyConnection) -> None:
    departing = share(
        registered,
        """
        with numbers as (from phones join truth using (record_id)),
        usual as (select person_id, mode(phone) as usual from numbers group by person_id having count(*) >= 4)
        select avg((phone <> usual)::integer) from numbers join usual using (person_id) where valid_to is null
        """,
    )
    # 5 of the 80 in 100 records that have a number, and the few whose number was changed in between.
    assert departing == pytest.approx(0.05 / 0.80, abs=0.012)


def test_five_in_a_hundred_share_a_telephone_at_the_same_time(registered: duckdb.DuckDBPyConnection) -> None:
    sharing = share(
        registered,
        """
        with holders as (
            select phone, person_id, min(valid_from) as first, max(coalesce(valid_to, date '9999-12-31')) as last
            from phones join truth using (record_id) group by all
        )
        select count(*) from holders as one join holders as other
            on one.phone = other.phone and one.person_id < other.person_id
            and one.first < other.last and other.first < one.last
        """,
    )
    # Of the 5 in 100, those of whom and of whose head a record has the number.
    assert 0.03 < sharing / PEOPLE < 0.05


def test_a_reissued_number_is_never_two_peoples_at_once(registered: duckdb.DuckDBPyConnection) -> None:
    reissued = registered.execute(
        """
        with numbers as (from phones join truth using (record_id)),
        ended as (select phone, person_id, max(valid_to) as ended from numbers where valid_to is not null group by all)
        select count(distinct ended.phone), min(numbers.valid_from - ended.ended)
        from ended join numbers using (phone)
        where numbers.person_id <> ended.person_id and numbers.valid_from >= ended.ended
        """
    ).fetchone()
    assert reissued is not None
    assert 0.005 < reissued[0] / PEOPLE <= 0.015
    assert reissued[1] >= 60
    assert share(registered, "select count(*) from phones where valid_to <= valid_from") == 0


def test_an_interval_never_begins_before_the_record(registered: duckdb.DuckDBPyConnection) -> None:
    early = "select count(*) from phones join records using (record_id) where valid_from < first_delivery_date"
    assert share(registered, early) == 0


def test_namesakes_are_as_frequent_as_surnames(registered: duckdb.DuckDBPyConnection) -> None:
    kim = share(registered, "select avg((family_name = '김')::integer) from records where family_name is not null")
    assert kim == pytest.approx(0.225, abs=0.015)
    namesakes = share(
        registered,
        "select max(people) from (select count(distinct person_id) as people from persons group by full_name)",
    )
    assert namesakes >= 15


def test_a_sole_proprietor_is_the_owner_in_truth_and_by_name(registered: duckdb.DuckDBPyConnection) -> None:
    agreeing = share(
        registered,
        """
        select avg((shop.full_name = person.full_name)::integer)
        from records as shop
        join truth as shop_truth using (record_id)
        join truth as person_truth on shop_truth.person_id = person_truth.person_id
        join records as person on person_truth.record_id = person.record_id
        where shop.party_type = 'sole_proprietor' and person.party_type = 'person'
        """,
    )
    assert agreeing > 0.9


def test_nobody_is_both_a_person_and_a_corporation(registered: duckdb.DuckDBPyConnection) -> None:
    both = """
        select count(*) from (
            select person_id from records join truth using (record_id)
            group by person_id having count(distinct party_type = 'corporation') > 1
        )
    """
    assert share(registered, both) == 0


def test_the_same_seed_writes_the_same_rows_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_registrations(tmp_path / name, 300, seed)
    with duckdb.connect() as connection:
        for table in ("records", "phones", "truth"):
            one, again, other = (
                connection.execute(f"from '{tmp_path / name / table}.parquet'").fetchall()
                for name in ("one", "again", "other")
            )
            assert one == again
            assert one != other


def test_keys_are_given_to_the_share_that_is_asked_for(tmp_path: Path) -> None:
    write_registrations(tmp_path, 2_000, seed=3, keyed_share=0.6)
    with opened(tmp_path) as connection:
        keyed = share(connection, "select avg((person_key is not null)::integer) from records")
        assert keyed == pytest.approx(0.6, abs=0.03)
        gluing = """
            select count(*) from (
                select person_key from records join truth using (record_id) where person_key is not null
                group by person_key having count(distinct person_id) > 1
            )
        """
        assert share(connection, gluing) == 0


def test_corporations_are_keyed_by_numbers_with_the_right_check_digit(tmp_path: Path) -> None:
    write_registrations(tmp_path, 2_000, seed=3, keyed_share=1.0)
    with opened(tmp_path) as connection:
        create_normalising_macros(connection)
        checked = connection.execute(
            "select count(*) > 0, bool_and(plain_business_number(person_key) = person_key) from records "
            "where party_type = 'corporation'"
        ).fetchone()
        assert checked == (True, True)
