"""Which rows belong to a person: by customer, by what a row hangs on, by text; in raw, quarantine and archive."""

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.person.holdings import Holdings, customer_column, find_holdings
from pipelines.person.person import Person, find_person, shared_values
from pipelines.person.records import surrogate_key


@pytest.fixture(scope="module")
def warehouse(person_home: LoadingHome) -> Iterator[duckdb.DuckDBPyConnection]:
    with connected(person_home.settings, person_home.settings.warehouse) as opened:
        yield opened


@pytest.fixture(scope="module")
def person(warehouse: duckdb.DuckDBPyConnection) -> Person:
    return find_person(warehouse, "branch:K00001")


@pytest.fixture(scope="module")
def holdings(warehouse: duckdb.DuckDBPyConnection, person_home: LoadingHome, person: Person) -> Holdings:
    shared_names = shared_values(warehouse, person, ["name"])["name"]
    return find_holdings(warehouse, person_home.settings, person_home.sources_file(), person, shared_names)


def rows_of(warehouse: duckdb.DuckDBPyConnection, feed: str) -> set[tuple[int, str]]:
    """(line of the file in force, way) of the person's archived rows of a feed."""
    return set(
        warehouse.execute(
            "select row_number, way from person_rows where feed = ? and not is_raw and batch_id in "
            "(select batch_id from ledger.loads where is_current)",
            [feed],
        ).fetchall()
    )


def test_a_person_is_found_by_record_by_id_and_by_the_id_of_a_customer_that_was_merged_into_it(warehouse, person):
    (merged,) = person.former_ids
    for text in ("shop:77777", person.customer_id, person.customer_id[:10], merged):
        assert find_person(warehouse, text) == person
    assert {(one.source_system, one.customer_key) for one in person.records} == {
        ("branch", "K00001"),
        ("shop", "77777"),
    }


@pytest.mark.parametrize("text", ["branch:K99999", "nobody", "ffffff", "a1", "' or 1 = 1 --"])
def test_an_unknown_person_ends_with_a_remedy(warehouse, text):
    with pytest.raises(UsageError, match="no customer has this name"):
        find_person(warehouse, text)


def test_values_are_kept_as_written_and_normalised(person):
    assert person.values["phone"] == {"01056261111", "02-333-4444", "023334444"}
    assert person.values["name"] == {"하늘별", "하 늘별"}
    assert person.values["email"] == {"Sky@Example.com", "sky@example.com"}
    assert person.values["birth_date"] == {"1980-07-16"}


def test_what_somebody_else_has_too_is_shared(warehouse, person):
    shared = shared_values(warehouse, person)
    assert shared["birth_date"] == {"1980-07-16"}
    assert not any(values for kind, values in shared.items() if kind != "birth_date")


@pytest.mark.parametrize(
    ("feed", "rows"),
    [
        # Line 1 is of the shop's file, which has no header; line 64 was never split into columns.
        ("branch__customers", {(1, "customer"), (2, "customer"), (64, "text")}),
        ("branch__contracts", {(2, "customer"), (4, "contract_key")}),
        ("branch__contract_holders", {(2, "customer"), (4, "customer")}),
        # A line of the person's contract that names another customer is the other's.
        ("branch__transactions", {(2, "customer"), (4, "contract_key"), (5, "contract_key")}),
        ("call_center__calls", {(2, "phone")}),
        ("consent__refusals", {(2, "phone")}),
        # A name alone does not tell, a name and an address do.
        ("dm__mailings", {(2, "customer"), (3, "named")}),
        ("dm__returns", {(2, "mailing_key"), (4, "mailing_key")}),
        ("branch__employees", set()),
    ],
)
def test_a_row_belongs_to_whom_it_names_or_else_to_whom_it_leads(warehouse, holdings, feed, rows):
    assert rows_of(warehouse, feed) == rows


def test_raw_and_archive_agree_and_a_superseded_delivery_is_in_the_archive_alone(warehouse, holdings):
    loaded = "select feed, batch_id, row_number, way from person_rows where is_raw"
    archived = "select feed, batch_id, row_number, way from person_rows where not is_raw"
    assert warehouse.execute(f"({loaded}) except ({archived})").fetchall() == []
    only = warehouse.execute(
        f"select feed, row_number, way from (({archived}) except ({loaded})) order by all"
    ).fetchall()
    # Line 64 is in quarantine; the first delivery is out of force, and its line 64 names K00004, not the person's key.
    assert only == [("branch__customers", 2, "customer"), *[("branch__customers", 64, "text")] * 2]


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("전화 +82)10.5626.1111 부탁", True),
        ("1010562611119", False),
        ("SKY@example.com", True),
        ("notsky@example.com", False),
        ("세종시 한누리로  12", True),
        ("세종시 한누리로 129", False),
        ("하늘별", True),
        ("하 늘별 고객", True),
        ("x,K00001,y", True),
        ("x,K000012,y", False),
        ("19800716", False),
        (None, False),
    ],
)
def test_a_text_tells_by_what_is_nobody_elses(warehouse, holdings, text, is_told):
    warehouse.execute("create or replace temp table texts as select 7 as number, $text[1] as text", {"text": [text]})
    holdings.collect_telling(warehouse, "telling", "texts", ["number"], "text")
    assert warehouse.execute("from telling").fetchall() == ([(7,)] if is_told else [])


@pytest.mark.parametrize(
    ("text", "is_told"),
    [("하늘별", False), ("하늘별 1980. 7. 16", True), ("800716 하늘별", True), ("1980년 7월 16일 하늘별", True)],
)
def test_a_name_that_others_have_tells_beside_the_date_of_birth_alone(person, text, is_told):
    assert Holdings(person).tells(text) == is_told


def test_a_name_of_two_letters_that_nobody_else_has_tells_as_it_is(person):
    told = Holdings(replace(person, values={"name": frozenset({"김구"})}), frozenset({"김구"}))
    assert told.tells("고객 김구, 서울") and not told.tells("고객 김 구")


def test_the_surrogate_key_is_that_of_dbt(warehouse):
    empty, full = surrogate_key("null", "null"), surrogate_key("'ab'", "'c'")
    row = warehouse.execute(f"select {empty}, {full}").fetchone()
    assert row == warehouse.execute("select md5('--'), md5('2:ab:c')").fetchone()


def test_every_feed_that_holds_personal_data_says_to_whom_its_rows_belong():
    for feed in feeds().values():
        is_private = any(column.private for column in feed.columns)
        ways = [customer_column(feed), feed.person.phone, feed.person.named, feed.person.through, feed.person.nobody]
        assert any(ways) or not is_private, f"{feed.name}: say under `person` to whom a row belongs"
        for name, target in feed.person.through.items():
            assert name in feed.columns_by_name and name in feeds()[target].columns_by_name, feed.name
        named = [*(feed.person.named or {}).values(), feed.person.phone, feed.person.customer]
        assert {one for one in named if one} <= set(feed.columns_by_name), feed.name
