"""Loading a feed: what is new, corrected or late, and what then stands in raw, quarantine and ledger."""

import os
from datetime import date, datetime

import pytest
from daily_customers import COLUMNS, CUSTOMERS, HEADER, customer_file, deliver, held, raw_keys
from loading_home import LoadingHome

from pipelines.loading.reload import Reload
from pipelines.settings import PROJECT_ROOT

KOREAN_DATA = PROJECT_ROOT.parent / "shared" / "data" / "korean"


def test_a_row_keeps_its_system_batch_date_and_line(branch: LoadingHome) -> None:
    deliver(branch, 1, f"{HEADER}\n\nK1,김은경,1990-01-31\n")
    result = branch.load(CUSTOMERS)
    assert (result.batches, result.counts["read"], result.counts["loaded"]) == (1, 1, 1)
    assert branch.rows(
        f"select customers.source_system, loads.batch_id = customers.batch_id, customers.delivery_date, row_number, "
        f"customer_key, customer_name, birth_date from raw.{CUSTOMERS} as customers, ledger.loads as loads"
    ) == [("branch", True, date(2024, 1, 1), 3, "K1", "김은경", date(1990, 1, 31))]


def test_a_second_load_finds_nothing_new(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1, 2))
    branch.load(CUSTOMERS)
    assert branch.load(CUSTOMERS).batches == 0
    assert len(branch.rows("from ledger.loads")) == 1


def test_a_touched_file_loads_nothing_and_is_remembered(branch: LoadingHome) -> None:
    path = deliver(branch, 1, customer_file(1))
    branch.load(CUSTOMERS)
    os.utime(path, ns=(1, 1))
    assert branch.load(CUSTOMERS).batches == 0
    assert branch.rows("select modified_nanoseconds from ledger.files") == [(1,)]
    assert branch.rows("select count(*), bool_and(is_current) from ledger.loads") == [(1, True)]


def test_a_corrected_file_supersedes_its_batch_with_the_rows_it_held_back(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1, 2) + "K3,서지원,never\n")
    deliver(branch, 2, customer_file(9))
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1", "K2", "K9"} and len(held(branch)) == 1
    deliver(branch, 1, customer_file(1, 3, 4))
    assert branch.load(CUSTOMERS).batches == 1
    assert raw_keys(branch) == {"K1", "K3", "K4", "K9"}
    assert held(branch) == {}
    old, new = branch.rows("from ledger.loads where delivery_date = '2024-01-01' order by is_current")
    columns = [row[0] for row in branch.rows("select column_name from (describe ledger.loads)")]
    old, new = dict(zip(columns, old, strict=True)), dict(zip(columns, new, strict=True))
    assert (old["is_current"], old["superseded_by"]) == (False, new["batch_id"])
    assert (old["rows_loaded"], old["rows_quarantined"], new["rows_loaded"]) == (2, 1, 3)


def test_a_file_put_back_as_it_was_is_in_force_again(branch: LoadingHome) -> None:
    for numbers in ((1,), (2,), (1,)):
        deliver(branch, 1, customer_file(*numbers, name="이름" * len(numbers) + str(numbers[0])))
        branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1"}
    assert branch.rows("select count(*), count(*) filter (is_current) from ledger.loads") == [(3, 1)]
    assert branch.load(CUSTOMERS).batches == 0


def test_a_reload_replays_from_the_archive_when_the_file_is_gone(branch: LoadingHome) -> None:
    paths = [deliver(branch, day, customer_file(day) + f"K{day}0,서지원,never\nx\n") for day in (1, 2, 3)]
    columns = f"from raw.{CUSTOMERS} order by all"
    quarantine = "from quarantine.rows order by all"
    branch.load(CUSTOMERS)
    before = branch.rows(columns), branch.rows(quarantine)
    for path in paths[:2]:
        path.unlink()
    result = branch.load(CUSTOMERS, reload=Reload())
    assert (result.batches, result.counts["read"]) == (3, 9)
    assert (branch.rows(columns), branch.rows(quarantine)) == before


def test_a_reload_of_some_days_leaves_the_others_alone(branch: LoadingHome) -> None:
    for day in (1, 2, 3):
        deliver(branch, day, customer_file(day))
    branch.load(CUSTOMERS)
    branch.sources[0]["columns"] = COLUMNS | {"occupation": {"constant": "teacher"}}
    dates = Reload(date(2024, 1, 2), date(2024, 1, 2))
    assert branch.load(CUSTOMERS, reload=dates).batches == 1
    assert branch.rows(f"select customer_key from raw.{CUSTOMERS} where occupation is not null") == [("K2",)]
    assert len(raw_keys(branch)) == 3


def test_deliveries_outside_start_and_until_are_left_alone(branch: LoadingHome) -> None:
    branch.sources[0] |= {"start": date(2024, 1, 2), "until": date(2024, 1, 3)}
    for day in (1, 2, 3, 4):
        deliver(branch, day, customer_file(day))
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K2", "K3"}


def test_two_systems_with_the_same_customer_numbers_stay_apart(branch: LoadingHome) -> None:
    branch.add_source(CUSTOMERS, "card_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8", source_system="card")
    branch.sources[0]["codec"] = "utf-8"
    # Even the files are the same, byte for byte.
    for system in ("customers", "card"):
        branch.deliver(f"{system}_20240101.csv", customer_file(1, 2))
    branch.load(CUSTOMERS)
    found = branch.rows(f"select source_system, customer_key from raw.{CUSTOMERS} order by all")
    assert found == [("branch", "K1"), ("branch", "K2"), ("card", "K1"), ("card", "K2")]
    assert branch.rows("select count(*) from ledger.loads where verdict = 'loaded'") == [(2,)]
    branch.deliver("card_20240101.csv", customer_file(7))
    branch.load(CUSTOMERS)
    assert branch.rows(f"select source_system, customer_key from raw.{CUSTOMERS} order by all") == [
        ("branch", "K1"),
        ("branch", "K2"),
        ("card", "K7"),
    ]


def test_snapshots_of_two_systems_are_not_compared_with_each_other(home: LoadingHome) -> None:
    for system in ("branch", "card"):
        home.add_source("branch__products", f"{system}_{{date:%Y%m%d}}.csv", {"product_key": "k"}, source_system=system)
        home.deliver(f"{system}_20240101.csv", "k\nP1\n")
    home.load("branch__products")
    assert home.rows("select source_system, product_key from raw.branch__products order by all") == [
        ("branch", "P1"),
        ("card", "P1"),
    ]


def test_a_corrected_snapshot_makes_later_ones_be_compared_anew_even_in_a_reload_of_its_day_alone(
    home: LoadingHome,
) -> None:
    home.add_source("branch__products", "{date:%Y%m%d}.csv", {"product_key": "k", "product_name": "n"}, codec="utf-8")
    for day, name in ((1, "old"), (2, "old"), (3, "old")):
        home.deliver(f"2024010{day}.csv", f"k,n\nP1,{name}\n")
    home.load("branch__products")
    home.deliver("20240102.csv", "k,n\nP1,new\n")
    day = date(2024, 1, 2)
    home.load("branch__products", reload=Reload(day, day))
    found = home.rows("select day(delivery_date), product_name from raw.branch__products order by all")
    assert found == [(1, "old"), (2, "new"), (3, "old")]


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_load(
    branch: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.loading.gather as loading  # noqa: PLC0415 (the function is replaced in the module that calls it)

    path = deliver(branch, 1, customer_file(1))
    deliver(branch, 2, customer_file(2))
    land = loading.land

    def land_and_append(*arguments):
        faults = land(*arguments)
        with path.open("ab") as file:
            file.write("K3,김은경,1990-01-31\n".encode("cp949"))
        return faults

    monkeypatch.setattr(loading, "land", land_and_append)
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K2"}
    monkeypatch.setattr(loading, "land", land)
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1", "K2", "K3"}
    assert list((branch.settings.archive / CUSTOMERS).glob("batch_id=*/*.parquet")).__len__() == 2


@pytest.mark.skipif(not KOREAN_DATA.is_dir(), reason=f"the made Korean data is not at {KOREAN_DATA}")
def test_the_same_branch_file_in_cp949_with_a_byte_order_mark_and_decomposed_gives_the_same_rows(
    home: LoadingHome,
) -> None:
    # Two of the files have no column of record numbers; these four together tell the records apart.
    columns = {
        "customer_key": {"columns": ["entity_id", "이름", "생년월일", "주소"]},
        "customer_name": "이름",
        "phone": "전화번호",
        "address": "주소",
    }
    variants = {"cp949": ("cp949", "cp949"), "bom": ("utf8_bom", "utf-8"), "decomposed": ("nfd_utf8", "utf-8")}
    for system, (file, codec) in variants.items():
        path = str(KOREAN_DATA / f"synthetic_branch_{file}.csv")
        home.add_source(CUSTOMERS, "", columns, source_system=system, codec=codec)
        home.sources[-1]["path"] = path
    result = home.load(CUSTOMERS)
    assert (result.batches, result.counts["read"], result.counts["quarantined"]) == (3, 3 * 902, 0)
    rows = {
        system: home.rows(
            f"select row_number, customer_key, customer_name, phone, address from raw.{CUSTOMERS} "
            "where source_system = ? order by 1",
            system,
        )
        for system in variants
    }
    assert rows["cp949"] == rows["bom"] == rows["decomposed"]
    assert len(rows["cp949"]) == 902
    assert rows["cp949"][0][2] == "김은경"


def test_a_row_looked_up_before_its_campaign_arrived_is_read_again(home: LoadingHome) -> None:
    home.add_source(
        "campaign__contacts",
        "contacts.csv",
        {
            "contact_key": "contact",
            "campaign_key": "campaign",
            "assignment": {"constant": "treatment"},
            "assigned_at": {
                "look_up": "campaign__campaigns",
                "match": {"campaign_key": "campaign"},
                "take": "start_date",
            },
        },
    )
    home.add_source("campaign__campaigns", "campaigns.csv", {"campaign_key": "campaign", "start_date": "start"})
    home.deliver("contacts.csv", "contact,campaign\nC1,A1\n")
    home.load("campaign__contacts")
    home.deliver("campaigns.csv", "campaign,start\nA1,2024-01-05\n")
    home.load("campaign__campaigns")
    home.load("campaign__contacts")
    assert home.rows("select contact_key, assigned_at from raw.campaign__contacts") == [
        ("C1", datetime(2024, 1, 4, 15))
    ]
    assert home.load("campaign__contacts").batches == 0
