"""Which pairs are linked, by which rule, and which are not."""

from datetime import date

import duckdb
import pytest
from identity_records import add, connection_with_tables

from pipelines.identity.edges import find_edges
from pipelines.identity.model import DEFAULT

BORN = date(1990, 1, 31)
HOME = {"region_code": "1168010100", "street": "테헤란로", "house_number": "12 101-1502", "has_unit": True}


@pytest.fixture
def company() -> duckdb.DuckDBPyConnection:
    return connection_with_tables()


def linked(connection: duckdb.DuckDBPyConnection, new: str | None = None) -> dict[tuple[str, str], str]:
    find_edges(connection, DEFAULT, "records", "phones", new)
    found = connection.execute("select record_a, record_b, rule from found_edges").fetchall()
    edges = {(a, b): rule for a, b, rule in found}
    assert len(edges) == len(found)
    return edges


def test_a_trusted_key_links_whatever_else_is_written(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", "김은경", person_key="k1", party_type="person")
    add(company, "b", "박철수", person_key="k1", party_type="person", birth_date=BORN)
    assert linked(company) == {("a", "b"): "person_key"}


def test_a_key_never_links_a_person_and_a_corporation(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", person_key="k1", party_type="person")
    add(company, "b", person_key="k1", party_type="corporation")
    assert linked(company) == {}


def test_a_site_key_holds_within_its_site_only(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", "김은경", site_key="d1", source_system="shop")
    add(company, "b", "박철수", site_key="d1", source_system="shop")
    add(company, "c", "이영희", site_key="d1", source_system="branch")
    assert linked(company) == {("a", "b"): "site_key"}


def test_two_trusted_keys_that_differ_keep_homonyms_apart(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", person_key="k1", birth_date=BORN, phone="01012345678")
    add(company, "b", person_key="k2", birth_date=BORN, phone="01012345678")
    assert linked(company) == {}


def test_name_birth_date_and_phone_link_under_the_strongest_rule(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", birth_date=BORN, phone="01012345678", email="kim@example.com")
    add(company, "b", birth_date=BORN, phone="01012345678", email="kim@example.com")
    assert linked(company) == {("a", "b"): "name_birth_date_phone"}


def test_a_re_issued_number_links_nobody(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", phone="01012345678", phone_to=date(2024, 5, 1))
    add(company, "b", phone="01012345678", phone_from=date(2024, 7, 1))
    assert linked(company) == {}


def test_what_is_missing_on_both_sides_is_no_agreement(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", None)
    add(company, "b", None)
    add(company, "c")
    add(company, "d")
    assert linked(company) == {}


def test_a_household_that_shares_phone_and_address_stays_several_people(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", "김지현", birth_date=BORN, phone="01012345678", **HOME)
    add(company, "b", "김지훈", birth_date=date(1993, 4, 2), phone="01012345678", **HOME)
    add(company, "c", "김은경", phone="01012345678", **HOME)
    assert linked(company) == {}


def test_a_switchboard_is_no_evidence(company: duckdb.DuckDBPyConnection) -> None:
    for number, name in enumerate(["김은경", "김은경", "박철수", "이영희", "최민수", "정다은", "강하늘"]):
        add(company, str(number), name, phone="0212345678")
    assert linked(company) == {}


def test_a_sole_proprietor_is_linked_to_its_person_by_name_and_phone(company: duckdb.DuckDBPyConnection) -> None:
    add(company, "a", "김은경", party_type="person", phone="01012345678")
    add(company, "b", "행복식당김은경", party_type="sole_proprietor", phone="01012345678")
    add(company, "c", "우리마트", party_type="sole_proprietor", phone="01012345678")
    assert linked(company) == {("a", "b"): "proprietor_phone"}


def test_new_records_find_known_ones_and_each_other_but_no_known_pair(company: duckdb.DuckDBPyConnection) -> None:
    for record in "abcd":
        add(company, record, birth_date=BORN, phone="01012345678")
    everything = linked(company)
    company.execute("create table new as select unnest(['c', 'd']) as record_id")
    assert linked(company, "new") == {pair: rule for pair, rule in everything.items() if pair != ("a", "b")}
    assert len(everything) == 6


def test_a_trusted_key_joins_however_many_records_carry_it(company: duckdb.DuckDBPyConnection) -> None:
    company.execute(
        "insert into records by name select 'r' || lpad(i::varchar, 4, '0') as record_id, 'branch' as source_system, "
        "'corporation' as party_type, 'k1' as person_key from range(700) as numbers (i)"
    )
    edges = linked(company)
    assert len(edges) == 699
    assert {record for pair in edges for record in pair} == {f"r{number:04}" for number in range(700)}
    company.execute("create table newcomers as select 'r0000' as record_id")
    assert linked(company, "newcomers") == {("r0000", "r0001"): "person_key"}
