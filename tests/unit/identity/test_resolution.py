"""A customer's id stays while records come, change, merge, split and go; each change of it is an event."""

from datetime import date, datetime

import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.identity.evidence import compared, edges_of, events, find_record, kept_apart, records_of, shortest_way
from pipelines.identity.model import DEFAULT, Model
from pipelines.identity.overrides import override, undo
from pipelines.identity.resolution import Resolution, resolve
from pipelines.ledger.decisions import Author
from pipelines.ledger.export import export_state
from pipelines.ledger.loads import current_loads
from pipelines.loading.feed import load_stale
from pipelines.loading.reload import Reload
from pipelines.repair.decided import retract
from pipelines.replay.rebuild import rebuild

FEED = "branch__customers"
COLUMNS = {name: name for name in ("customer_key", "person_key", "customer_name", "birth_date", "phone", "email")}
COLUMNS["registered_date"] = {"constant": "2020-01-01"}
HEADER = ",".join(name for name in COLUMNS if name != "registered_date")
AUTHOR = Author("a steward", datetime(2024, 2, 1), "a test")

KIM = ",김은경,1990-01-31,010-1234-5678,kim@example.com"
KIM_RESPELLED = ",김 은경님,1990-01-31,+82 10 1234 5678,"
LEE = ",이영희,1985-07-07,010-7777-1111,lee@example.com"


@pytest.fixture
def company(home: LoadingHome) -> LoadingHome:
    """A branch and a shop system, each of which delivers customers daily."""
    for system in ("branch", "shop"):
        home.add_source(FEED, system + "_{date:%Y%m%d}.csv", COLUMNS, source_system=system, codec="utf-8")
    return home


def deliver(home: LoadingHome, day: int, system: str = "branch", **records: str) -> None:
    """One file of records, number -> the rest of its line."""
    lines = [HEADER, *(f"{number},{rest}" for number, rest in records.items())]
    home.deliver(f"{system}_202401{day:02}.csv", "\n".join(lines) + "\n")


def bring_up(home: LoadingHome) -> Resolution:
    home.load(FEED)
    return resolve(home.settings, "run", datetime(2024, 2, 1))


def customers(home: LoadingHome) -> dict[str, str]:
    """Record, as system:number -> the name of the record that founded its customer."""
    return dict(
        home.rows(
            """
            select
                records.source_system || ':' || records.record_key,
                founders.source_system || ':' || founders.record_key,
            from identity.records as records
            inner join (
                from state.identity_assignments
                qualify resolution_number = max(resolution_number) over (partition by record_id)
            ) as assignments using (record_id)
            left join identity.records as founders on assignments.customer_id = founders.record_id
            """
        )
    )


def test_a_site_s_own_key_joins_within_that_site_alone(home: LoadingHome) -> None:
    for system in ("branch", "shop"):
        columns = {
            "customer_key": "customer_key",
            "site_key": "site_key",
            "registered_date": {"constant": "2020-01-01"},
        }
        home.add_source(FEED, system + "_{date:%Y%m%d}.csv", columns, source_system=system, codec="utf-8")
        home.deliver(f"{system}_20240101.csv", "customer_key,site_key\n1,DI-4711\n2,DI-4711\n3,DI-4712\n4,\n5,\n")
    bring_up(home)
    for system in ("branch", "shop"):
        founders = {name: founder for name, founder in customers(home).items() if name.startswith(system)}
        assert founders == {f"{system}:{one}": f"{system}:{of}" for one, of in ((1, 1), (2, 1), (3, 3), (4, 4), (5, 5))}


def kinds(home: LoadingHome) -> list[str]:
    return [kind for (kind,) in home.rows("select kind from state.identity_events order by event_number")]


def test_records_of_one_person_are_one_customer_and_colliding_numbers_are_not(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM, "8": LEE})
    deliver(company, 1, "shop", **{"7": LEE, "9": KIM_RESPELLED})
    found = bring_up(company)
    assert customers(company) == {
        "branch:7": "branch:7",
        "shop:9": "branch:7",
        "branch:8": "branch:8",
        "shop:7": "branch:8",
    }
    assert (found.records, found.customers, found.changed, found.merges) == (4, 2, 4, 0)


def test_a_run_over_the_same_changes_nothing(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM, "8": LEE})
    bring_up(company)
    before = company.rows("from state.identity_assignments order by all")
    company.load(FEED, reload=Reload())
    again = resolve(company.settings, "run", datetime(2024, 2, 2))
    assert (again.changed, again.merges, again.splits, again.moves) == (0, 0, 0, 0)
    assert company.rows("from state.identity_assignments order by all") == before


def test_a_new_record_joins_without_an_event(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": KIM})
    bring_up(company)
    deliver(company, 2, "branch", **{"1": KIM_RESPELLED})
    found = bring_up(company)
    assert customers(company) == {"shop:9": "shop:9", "branch:1": "shop:9"}
    assert (found.changed, kinds(company)) == (1, [])


def test_the_older_customer_survives_a_merge_and_the_event_names_the_evidence(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"1": ",김은경,,,kim@example.com", "2": LEE})
    bring_up(company)
    assert customers(company)["branch:1"] == "branch:1"
    deliver(company, 3, "branch", **{"3": KIM})
    found = bring_up(company)
    assert {customers(company)[name] for name in ("shop:9", "branch:1", "branch:3")} == {"shop:9"}
    assert customers(company)["branch:2"] == "branch:2"
    assert (found.merges, kinds(company)) == (1, ["merge"])
    with connected(company.settings, company.settings.warehouse, read_only=True) as warehouse:
        (event,) = events(warehouse)
    assert (event.rule, {event.one, event.other}) == ("name_email", {"branch:1", "branch:3"})


def test_an_undone_merge_gives_both_customers_their_ids_back(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"1": ",김은경,,,kim@example.com"})
    bring_up(company)
    before = customers(company)
    deliver(company, 3, "branch", **{"3": KIM})
    bring_up(company)
    with connected(company.settings, company.settings.warehouse) as warehouse:
        undo(warehouse, 1, AUTHOR)
    found = resolve(company.settings, "run", datetime(2024, 2, 2))
    after = customers(company)
    assert {name: after[name] for name in before} == before
    assert (found.splits, kinds(company)) == (1, ["merge", "split"])
    with connected(company.settings, company.settings.warehouse, read_only=True) as warehouse:
        one, other = find_record(warehouse, "shop:9"), find_record(warehouse, "branch:1")
        assert kept_apart(warehouse, one, other) == "a steward said never: a test"


def test_a_record_that_changes_leaves_and_its_customer_keeps_its_id(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM})
    deliver(company, 2, "shop", **{"9": KIM})
    bring_up(company)
    assert set(customers(company).values()) == {"branch:7"}
    # The shop had mistaken her for another.
    deliver(company, 3, "shop", **{"9": LEE})
    found = bring_up(company)
    assert customers(company) == {"branch:7": "branch:7", "shop:9": "shop:9"}
    assert (found.changed, found.splits, kinds(company)) == (1, 1, ["split"])


def test_a_record_that_turns_out_to_be_another_known_customers_moves(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM, "8": LEE})
    deliver(company, 2, "shop", **{"9": KIM})
    bring_up(company)
    deliver(company, 3, "shop", **{"9": LEE})
    found = bring_up(company)
    assert customers(company) == {"branch:7": "branch:7", "branch:8": "branch:8", "shop:9": "branch:8"}
    assert (found.moves, kinds(company)) == (1, ["move"])


def test_a_customer_goes_on_when_the_record_that_founded_it_is_withdrawn(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM})
    deliver(company, 2, "shop", **{"9": KIM})
    bring_up(company)
    (founder,) = {row[0] for row in company.rows("select customer_id from state.identity_assignments")}
    sources_file = company.sources_file()
    with connected(company.settings, company.settings.warehouse, read_only=True) as warehouse:
        withdrawn = [load for load in current_loads(warehouse, FEED) if load.source_system == "branch"]
    retract(company.settings, sources_file, withdrawn, AUTHOR)
    load_stale(company.settings, sources_file, FEED, "run")
    resolve(company.settings, "run", datetime(2024, 2, 2))
    assert company.rows("select source_system from identity.records") == [("shop",)]
    with connected(company.settings, company.settings.warehouse, read_only=True) as warehouse:
        assert find_record(warehouse, "shop:9").customer_id == founder


def test_day_by_day_and_all_at_once_come_to_the_same(company: LoadingHome, new_home) -> None:
    days = [
        ("branch", {"7": ",김은경,,010-1234-5678,", "8": LEE}),
        ("shop", {"9": ",김은경,,,kim@example.com"}),
        ("branch", {"5": KIM}),
        ("shop", {"9": LEE}),
        ("shop", {"4": ",박철수,1970-02-02,010-1234-5678,"}),
    ]
    for day, (system, records) in enumerate(days, 1):
        deliver(company, day, system, **records)
        bring_up(company)
    whole = new_home()
    whole.sources = company.sources
    for day, (system, records) in enumerate(days, 1):
        deliver(whole, day, system, **records)
    bring_up(whole)
    assert customers(company) == customers(whole)
    query = "select record_a, record_b, rule, tier, weight from identity.edges order by all"
    assert company.rows(query) == whole.rows(query)


def test_a_number_that_was_issued_again_joins_nobody(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"7": ",김은경,,010-9999-0000,"})
    deliver(company, 3, "shop", **{"9": ",김은경,,010-1234-5678,"})
    bring_up(company)
    assert customers(company)["shop:9"] == "shop:9"
    assert company.rows("select valid_from, valid_to from identity.phones where phone = '01012345678' order by 1") == [
        (date(2024, 1, 1), date(2024, 1, 2)),
        (date(2024, 1, 3), None),
    ]


def test_a_business_number_with_a_wrong_check_digit_is_no_key(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"1": "124-81-00998,한빛전자,,,", "2": "124-81-00990,대성물산,,,"})
    deliver(company, 1, "shop", **{"1": "1248100998,한빛 전자 주식회사,,,", "2": "124-81-00990,누리상사,,,"})
    bring_up(company)
    assert customers(company)["shop:1"] == "branch:1"
    assert customers(company)["shop:2"] == "shop:2"


def test_a_stewards_word_joins_what_no_rule_does_and_can_be_taken_back(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM, "8": LEE})
    bring_up(company)
    with connected(company.settings, company.settings.warehouse) as warehouse:
        pair = find_record(warehouse, "branch:7"), find_record(warehouse, "branch:8")
        override(warehouse, "always", *pair, AUTHOR)
    resolve(company.settings, "run", datetime(2024, 2, 2))
    assert customers(company)["branch:8"] == "branch:7"
    with connected(company.settings, company.settings.warehouse) as warehouse:
        override(warehouse, "never", *pair, AUTHOR)
    resolve(company.settings, "run", datetime(2024, 2, 3))
    assert customers(company) == {"branch:7": "branch:7", "branch:8": "branch:8"}
    assert kinds(company) == ["merge", "split"]


def test_a_stewards_word_compares_nobody_anew(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"3": KIM, "8": LEE})
    bring_up(company)
    edges = company.rows("from identity.edges order by all")
    assert edges
    with connected(company.settings, company.settings.warehouse) as warehouse:
        override(warehouse, "always", find_record(warehouse, "shop:9"), find_record(warehouse, "branch:8"), AUTHOR)
    resolve(company.settings, "run", datetime(2024, 2, 2))
    assert company.rows("from identity.edges order by all") == edges


def test_the_way_between_two_records_names_every_edge(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"1": ",김은경,,,kim@example.com", "3": KIM})
    bring_up(company)
    with connected(company.settings, company.settings.warehouse, read_only=True) as warehouse:
        one, other = find_record(warehouse, "shop:9"), find_record(warehouse, "branch:1")
        assert [record.name for record in records_of(warehouse, one.customer_id)] == ["shop:9", "branch:1", "branch:3"]
        way = shortest_way(edges_of(warehouse, one.customer_id), one, other)
        assert [edge.rule for edge in way] == ["name_phone", "name_email"]
        assert dict(compared(warehouse, one, other)) == {
            "person_key": "missing",
            "full_name": "equal",
            "birth_date": "missing",
            "sex": "missing",
            "email": "missing",
            "region_code": "missing",
            "street": "missing",
            "house_number": "missing",
            "phone": "missing",
        }


def test_ids_and_words_survive_a_rebuild_from_the_archive(company: LoadingHome) -> None:
    deliver(company, 1, "shop", **{"9": ",김은경,,010-1234-5678,"})
    deliver(company, 2, "branch", **{"1": ",김은경,,,kim@example.com", "8": LEE})
    bring_up(company)
    deliver(company, 3, "branch", **{"3": KIM})
    bring_up(company)
    with connected(company.settings, company.settings.warehouse) as warehouse:
        undo(warehouse, 1, AUTHOR)
    resolve(company.settings, "run", datetime(2024, 2, 2))
    before, happened = customers(company), company.rows("from state.identity_events order by all")
    with connected(company.settings, company.settings.warehouse) as warehouse:
        export_state(warehouse, company.settings)
    company.settings.warehouse.unlink()
    rebuild(company.settings, company.sources_file(), "run", lambda step, message: None)
    found = resolve(company.settings, "run", datetime(2024, 2, 3))
    assert customers(company) == before
    assert company.rows("from state.identity_events order by all") == happened
    assert (found.changed, found.merges, found.splits, found.moves) == (4, 0, 0, 0)


def test_another_model_resolves_everybody_anew_and_keeps_the_ids(company: LoadingHome) -> None:
    deliver(company, 1, "branch", **{"7": KIM, "8": LEE})
    deliver(company, 1, "shop", **{"9": KIM_RESPELLED})
    bring_up(company)
    before = customers(company)
    other = Model.of(DEFAULT.parameters | {"prior": DEFAULT.parameters["prior"] / 2})
    with connected(company.settings, company.settings.warehouse) as warehouse:
        warehouse.execute(
            "insert into state.identity_models values (1, ?, ?, timestamp '2024-02-01', 3)",
            [other.version, other.settings],
        )
    found = resolve(company.settings, "run", datetime(2024, 2, 2))
    assert (found.changed, customers(company)) == (3, before)
    assert company.rows("select distinct model_version from identity.edges") == [(other.version,)]
