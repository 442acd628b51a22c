"""Loading a feed: what is new, corrected, late or wrong, and what then stands in raw, quarantine and ledger."""

import os
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading_home import Home

from pipelines.errors import GateBrokenError, SourcesFileError
from pipelines.load import DateRange
from pipelines.settings import PROJECT_ROOT

CUSTOMERS = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
HEADER = "번호,이름,생일"
KOREAN_DATA = PROJECT_ROOT.parent / "shared" / "data" / "korean"


def customer_file(*numbers: int, name: str = "김은경") -> str:
    return "\n".join([HEADER, *(f"K{number},{name},1990-01-31" for number in numbers)]) + "\n"


@pytest.fixture
def branch(home: Home) -> Home:
    """A home to which one branch system delivers customers daily, in CP949."""
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    return home


def deliver(home: Home, day: int, content: str | bytes) -> Path:
    return home.deliver(f"customers_202401{day:02}.csv", content, codec="cp949")


def raw_keys(home: Home) -> set[str]:
    return {key for (key,) in home.rows(f"select customer_key from raw.{CUSTOMERS}")}


def held(home: Home) -> dict[int, tuple[str, str]]:
    """Row number -> (reasons, record) of what is in quarantine."""
    return {row[0]: row[1:] for row in home.rows("select row_number, reasons, record from quarantine.rows")}


def test_a_row_keeps_its_system_batch_date_and_line(branch: Home) -> None:
    deliver(branch, 1, f"{HEADER}\n\nK1,김은경,1990-01-31\n")
    result = branch.load(CUSTOMERS)
    assert (result.batches, result.counts["read"], result.counts["loaded"]) == (1, 1, 1)
    assert branch.rows(
        f"select customers.source_system, loads.batch_id = customers.batch_id, customers.delivery_date, row_number, "
        f"customer_key, customer_name, birth_date from raw.{CUSTOMERS} as customers, ledger.loads as loads"
    ) == [("branch", True, date(2024, 1, 1), 3, "K1", "김은경", date(1990, 1, 31))]


def test_a_second_load_finds_nothing_new(branch: Home) -> None:
    deliver(branch, 1, customer_file(1, 2))
    branch.load(CUSTOMERS)
    assert branch.load(CUSTOMERS).batches == 0
    assert len(branch.rows("from ledger.loads")) == 1


def test_a_touched_file_loads_nothing_and_is_remembered(branch: Home) -> None:
    path = deliver(branch, 1, customer_file(1))
    branch.load(CUSTOMERS)
    os.utime(path, ns=(1, 1))
    assert branch.load(CUSTOMERS).batches == 0
    assert branch.rows("select modified_nanoseconds from ledger.files") == [(1,)]
    assert branch.rows("select count(*), bool_and(is_current) from ledger.loads") == [(1, True)]


def test_a_corrected_file_supersedes_its_batch_with_the_rows_it_held_back(branch: Home) -> None:
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


def test_a_file_put_back_as_it_was_is_in_force_again(branch: Home) -> None:
    for numbers in ((1,), (2,), (1,)):
        deliver(branch, 1, customer_file(*numbers, name="이름" * len(numbers) + str(numbers[0])))
        branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1"}
    assert branch.rows("select count(*), count(*) filter (is_current) from ledger.loads") == [(3, 1)]
    assert branch.load(CUSTOMERS).batches == 0


def test_a_reload_replays_from_the_archive_when_the_file_is_gone(branch: Home) -> None:
    paths = [deliver(branch, day, customer_file(day) + f"K{day}0,서지원,never\nx\n") for day in (1, 2, 3)]
    columns = f"from raw.{CUSTOMERS} order by all"
    quarantine = "from quarantine.rows order by all"
    branch.load(CUSTOMERS)
    before = branch.rows(columns), branch.rows(quarantine)
    for path in paths[:2]:
        path.unlink()
    result = branch.load(CUSTOMERS, reload=True)
    assert (result.batches, result.counts["read"]) == (3, 9)
    assert (branch.rows(columns), branch.rows(quarantine)) == before


def test_a_reload_of_some_days_leaves_the_others_alone(branch: Home) -> None:
    for day in (1, 2, 3):
        deliver(branch, day, customer_file(day))
    branch.load(CUSTOMERS)
    branch.sources[0]["columns"] = COLUMNS | {"occupation": {"constant": "teacher"}}
    dates = DateRange(date(2024, 1, 2), date(2024, 1, 2))
    assert branch.load(CUSTOMERS, reload=True, dates=dates).batches == 1
    assert branch.rows(f"select customer_key from raw.{CUSTOMERS} where occupation is not null") == [("K2",)]
    assert len(raw_keys(branch)) == 3


def test_deliveries_outside_start_and_until_are_left_alone(branch: Home) -> None:
    branch.sources[0] |= {"start": date(2024, 1, 2), "until": date(2024, 1, 3)}
    for day in (1, 2, 3, 4):
        deliver(branch, day, customer_file(day))
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K2", "K3"}


def test_two_systems_with_the_same_customer_numbers_stay_apart(branch: Home) -> None:
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


def test_snapshots_of_two_systems_are_not_compared_with_each_other(home: Home) -> None:
    for system in ("branch", "card"):
        home.add_source("branch__products", f"{system}_{{date:%Y%m%d}}.csv", {"product_key": "k"}, source_system=system)
        home.deliver(f"{system}_20240101.csv", "k\nP1\n")
    home.load("branch__products")
    assert home.rows("select source_system, product_key from raw.branch__products order by all") == [
        ("branch", "P1"),
        ("card", "P1"),
    ]


def test_a_corrected_snapshot_makes_later_ones_be_compared_anew_even_in_a_reload_of_its_day_alone(home: Home) -> None:
    home.add_source("branch__products", "{date:%Y%m%d}.csv", {"product_key": "k", "product_name": "n"}, codec="utf-8")
    for day, name in ((1, "old"), (2, "old"), (3, "old")):
        home.deliver(f"2024010{day}.csv", f"k,n\nP1,{name}\n")
    home.load("branch__products")
    home.deliver("20240102.csv", "k,n\nP1,new\n")
    day = date(2024, 1, 2)
    home.load("branch__products", reload=True, dates=DateRange(day, day))
    found = home.rows("select day(delivery_date), product_name from raw.branch__products order by all")
    assert found == [(1, "old"), (2, "new"), (3, "old")]


class TestBadInput:
    """Each names the file, the row, the cause and the remedy, and what can be saved is saved."""

    def test_a_wrong_codec_names_the_row_the_likely_codec_and_the_remedy(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1, 2, 3).encode("utf-8"))
        (reason,) = branch.load(CUSTOMERS).refused
        assert "customers_20240101.csv: row 1" in reason
        assert "It was read as cp949 but looks like utf-8" in reason
        assert "Remedy: set codec: utf-8" in reason
        assert raw_keys(branch) == set()
        assert set(held(branch)) == {2, 3, 4}
        assert branch.rows("select verdict, rows_read, rows_quarantined from ledger.loads") == [("refused", 3, 3)]

    def test_a_source_mended_after_a_wrong_codec_loads_the_same_file_by_the_next_load(self, branch: Home) -> None:
        path = deliver(branch, 1, customer_file(1).encode("utf-8"))
        branch.load(CUSTOMERS)
        branch.sources[0]["codec"] = "utf-8"
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1"}
        assert held(branch) == {}
        assert branch.rows("select verdict, is_current from ledger.loads order by load_number") == [
            ("refused", False),
            ("loaded", True),
        ]
        # The archive holds what the mended codec read, so that the day can be loaded again without its file.
        path.unlink()
        branch.load(CUSTOMERS, reload=True)
        assert raw_keys(branch) == {"K1"}

    def test_a_refused_delivery_is_read_again_only_when_its_source_was_mended(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1).encode("utf-8"))
        assert branch.load(CUSTOMERS).batches == 1
        assert branch.load(CUSTOMERS).batches == 0

    def test_a_file_without_its_header_line_shows_nobodys_data(self, branch: Home) -> None:
        deliver(branch, 1, "K1,김은경,1990-01-31\nK2,서지원,1991-01-31\n")
        (reason,) = branch.load(CUSTOMERS).refused
        assert "row 1: the columns" in reason and "Remedy: " in reason
        assert "김은경" not in reason and "K1" not in reason

    def test_a_refused_correction_leaves_the_good_delivery_in_force(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1))
        branch.load(CUSTOMERS)
        deliver(branch, 1, "번호,성명\nK7,서지원\n")
        assert len(branch.load(CUSTOMERS).refused) == 1
        assert raw_keys(branch) == {"K1"}
        current = "select verdict from ledger.loads where is_current order by load_number"
        assert branch.rows(current) == [("loaded",), ("refused",)]
        deliver(branch, 1, customer_file(1, 2))
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1", "K2"}
        assert branch.rows(current) == [("loaded",)]
        assert held(branch) == {}

    def test_the_good_file_put_back_after_a_refused_correction_clears_the_refusal(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1))
        branch.load(CUSTOMERS)
        deliver(branch, 1, "번호,성명\nK7,서지원\n")
        branch.load(CUSTOMERS)
        deliver(branch, 1, customer_file(1))
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1"}
        assert branch.rows("select verdict from ledger.loads where is_current") == [("loaded",)]

    def test_a_refused_header_stays_refused_when_it_is_replayed_from_the_archive(self, branch: Home) -> None:
        path = deliver(branch, 1, "번호,성명\nK1,김은경\n")
        branch.load(CUSTOMERS)
        path.unlink()
        branch.load(CUSTOMERS, reload=True)
        assert branch.rows("select verdict from ledger.loads where is_current") == [("refused",)]

    def test_every_row_of_a_refused_batch_is_held_with_its_record(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1) + "K2,a,never\nK3,a,never\n")
        branch.load(CUSTOMERS)
        assert branch.rows("select count(*), count(record) from quarantine.rows") == [(3, 3)]

    def test_a_file_that_cannot_be_opened_is_named_and_the_others_are_loaded(
        self, branch: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locked = deliver(branch, 1, customer_file(1))
        deliver(branch, 2, customer_file(2))
        open_file = Path.open

        def refuse(path, *arguments, **options):
            if path == locked:
                raise PermissionError(13, "Permission denied")
            return open_file(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", refuse)
        (reason,) = branch.load(CUSTOMERS).refused
        assert str(locked) in reason and "Permission denied" in reason and "Remedy: " in reason
        assert raw_keys(branch) == {"K2"}

    def test_a_truncated_line_is_held_back_and_the_others_are_saved(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(*range(1, 30)) + 'K30,"김은')
        branch.load(CUSTOMERS)
        assert len(raw_keys(branch)) == 29
        (row_number, (reasons, record)) = next(iter(held(branch).items()))
        assert row_number == 31
        assert reasons == "unparsable line: a quote is not closed, or stands inside a quoted field"
        assert record == 'K30,"김은'

    def test_a_line_with_too_few_columns_says_how_many(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1) + "K2,김은경\n")
        branch.load(CUSTOMERS)
        assert held(branch) == {3: ("unparsable line: too few columns: 2 of 3", "K2,김은경")}

    def test_a_bad_value_names_its_column_and_keeps_its_record(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1) + "K2,김은경,1990-02-31\n")
        branch.load(CUSTOMERS)
        reasons, record = held(branch)[3]
        assert reasons == "every value has its type (birth_date)"
        assert '"생일":"1990-02-31"' in record and '"이름":"김은경"' in record

    def test_all_reasons_of_a_row_are_told(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1) + ",김은경,1890-01-01\n")
        branch.load(CUSTOMERS)
        assert held(branch)[3][0] == "birth_date is at least 1900-01-01; customer_key is present"

    def test_a_missing_column_refuses_the_batch_and_names_it(self, branch: Home) -> None:
        deliver(branch, 1, "번호,성명,생일\nK1,김은경,1990-01-31\n")
        deliver(branch, 2, customer_file(2))
        (reason,) = branch.load(CUSTOMERS).refused
        assert "customers_20240101.csv: row 1: the columns 이름 are missing; the header is 번호, 성명, 생일" in reason
        assert "Remedy: " in reason
        assert raw_keys(branch) == {"K2"}

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (b"", "the file is empty"),
            (b"\n\n", "the file is empty"),
            ("번호,이름,생일,이름\nK1,a,,b\n".encode("cp949"), "the header names 이름 twice"),
            (b"PAR1" + bytes(range(256)) * 1000, "are missing. Remedy: "),
            (b"x" * 200_000, "are missing. Remedy: "),
        ],
        ids=["empty", "blank lines", "doubled header", "binary", "one endless line"],
    )
    def test_a_file_that_is_no_such_csv_is_refused_by_name(self, branch: Home, content: bytes, cause: str) -> None:
        deliver(branch, 1, content)
        deliver(branch, 2, customer_file(2))
        (reason,) = branch.load(CUSTOMERS).refused
        assert reason.startswith("customers_20240101.csv: ") and cause in reason and "Remedy: " in reason
        assert raw_keys(branch) == {"K2"}

    def test_a_header_may_end_with_a_delimiter(self, branch: Home) -> None:
        deliver(branch, 1, f"{HEADER},\nK1,김은경,1990-01-31,\n")
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1"}

    @pytest.mark.parametrize(
        "name", ["row_number", "batch_id", "Line", "_record", "unparsed", "part", "taken", "fields", 'a"b', "a.b"]
    )
    def test_a_source_may_use_any_name_for_its_columns(self, branch: Home, name: str) -> None:
        branch.sources[0]["columns"] = {"customer_key": name, "customer_name": "이름"}
        quoted = '"' + name.replace('"', '""') + '"'
        deliver(branch, 1, f"{quoted},이름\nK1,김은경\n")
        branch.load(CUSTOMERS)
        assert branch.rows(f"select row_number, customer_key from raw.{CUSTOMERS}") == [(2, "K1")]

    @pytest.mark.parametrize("name", ["row_number", "Batch_ID", "part", "filename"])
    def test_a_parquet_source_may_use_any_name_for_its_columns(self, home: Home, name: str) -> None:
        home.add_source(CUSTOMERS, "{date:%Y%m%d}.parquet", {"customer_key": name}, format="parquet")
        home.inbox.mkdir()
        pq.write_table(pa.table({name: ["K1", "K2"]}), home.inbox / "20240101.parquet")
        home.load(CUSTOMERS)
        found = home.rows(f"select row_number, customer_key from raw.{CUSTOMERS} order by all")
        assert found == [(1, "K1"), (2, "K2")]

    def test_columns_that_differ_in_case_alone_are_told_apart_or_refused(self, branch: Home) -> None:
        branch.sources[0]["columns"] = {"customer_key": "id", "customer_name": "이름"}
        deliver(branch, 1, "id,ID,이름\nK1,other,김은경\n")
        result = branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1"} or "twice" in result.refused[0]

    def test_an_unreadable_parquet_file_is_refused_by_name_and_the_others_load(self, home: Home) -> None:
        home.add_source(CUSTOMERS, "{date:%Y%m%d}.parquet", COLUMNS, format="parquet")
        home.deliver("20240101.parquet", b"PAR1 and then nothing")
        pq.write_table(
            pa.table({"번호": ["K2"], "이름": ["a"], "생일": ["1990-01-01"]}), home.inbox / "20240102.parquet"
        )
        (reason,) = home.load(CUSTOMERS).refused
        assert reason.startswith("20240101.parquet: not readable as Parquet: ") and "Remedy: " in reason
        assert raw_keys(home) == {"K2"}

    def test_more_bad_rows_than_tolerated_refuse_the_batch_and_hold_every_row(self, branch: Home) -> None:
        deliver(branch, 1, customer_file(1) + "K2,a,never\nK3,a,never\n")
        deliver(branch, 2, customer_file(4) + "K5,a,never\n")
        (reason,) = branch.load(CUSTOMERS).refused
        assert reason.startswith(
            "customers_20240101.csv: 2 of 3 rows are held back, and the contract tolerates 1; "
            "it fails “every value has its type” in 2 rows, first in row 3, 4. Remedy: "
        )
        assert raw_keys(branch) == {"K4"}
        held_rows = branch.rows("select row_number, reasons from quarantine.rows where row_number = 2")
        assert held_rows == [(2, "the whole batch was refused")]

    def test_a_line_that_is_no_json_object_says_so(self, home: Home) -> None:
        home.add_source(CUSTOMERS, "c.jsonl", {"customer_key": "k"}, format="json_lines")
        right = [f'{{"k": "K{number}"}}' for number in range(30)]
        home.deliver("c.jsonl", "\n".join([*right, '[{"k": "K30"}]', '{"k": "K31"']))
        home.load(CUSTOMERS)
        assert held(home) == {
            31: ("unparsable line: not a JSON object", '[{"k": "K30"}]'),
            32: ("unparsable line: not JSON", '{"k": "K31"'),
        }

    def test_a_bad_line_of_json_does_not_disturb_a_look_up(self, home: Home) -> None:
        home.add_source(
            "campaign__campaigns", "campaigns.csv", {"campaign_key": "id", "start_date": "start"}, codec="utf-8"
        )
        home.deliver("campaigns.csv", "id,start\nA1,2024-01-05\n")
        columns = {
            "contact_key": "c",
            "campaign_key": "a",
            "assignment": {"constant": "treatment"},
            "assigned_at": {"look_up": "campaign__campaigns", "match": {"campaign_key": "a"}, "take": "start_date"},
        }
        home.add_source("campaign__contacts", "contacts.jsonl", columns, format="json_lines")
        home.deliver("contacts.jsonl", '{"c": "C1", "a": " A1 "}\n{"c": "C2", \n')
        home.load("campaign__campaigns")
        home.load("campaign__contacts")
        assert home.rows("select contact_key from raw.campaign__contacts") == [("C1",)]

    def test_a_delivery_of_which_every_header_is_wrong_is_refused_even_with_a_look_up(self, home: Home) -> None:
        columns = {
            "contact_key": "c",
            "campaign_key": "a",
            "assignment": {"constant": "treatment"},
            "assigned_at": {"look_up": "campaign__campaigns", "match": {"campaign_key": "a"}, "take": "start_date"},
        }
        home.add_source("campaign__contacts", "contacts.csv", columns)
        home.deliver("contacts.csv", "contact,campaign\nC1,A1\n")
        (reason,) = home.load("campaign__contacts").refused
        assert "row 1: the columns a, c are missing. Remedy: map" in reason

    def test_a_broken_gate_leaves_everything_as_it_was(self, branch: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        import expectations.branch__customers as suite_module  # noqa: PLC0415 (imports Great Expectations)
        from expectations.rules import audit_suite, rows_where  # noqa: PLC0415

        deliver(branch, 1, customer_file(1))
        branch.load(CUSTOMERS)
        deliver(branch, 1, customer_file(2))
        deliver(branch, 2, customer_file(3))
        with monkeypatch.context() as patch:
            patch.setattr(suite_module, "SUITE", audit_suite(CUSTOMERS, rows_where("broken", "absent > 1")))
            with pytest.raises(GateBrokenError, match="“broken”"):
                branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K1"}
        assert branch.rows("select count(*) from ledger.loads") == [(1,)]
        assert list(branch.settings.scratch.glob("gate-*")) == []
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K2", "K3"}

    def test_two_files_for_one_slot_are_an_error_that_names_both(self, branch: Home) -> None:
        branch.add_source(CUSTOMERS, "companies_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
        deliver(branch, 1, customer_file(1))
        branch.deliver("companies_20240101.csv", customer_file(2), codec="cp949")
        with pytest.raises(SourcesFileError, match=r"customers_20240101\.csv") as error:
            branch.load(CUSTOMERS)
        assert "companies_20240101.csv" in str(error.value)


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_load(
    branch: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.gate.candidates as loading  # noqa: PLC0415 (the function is replaced in the module that calls it)

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
def test_the_same_branch_file_in_cp949_with_a_byte_order_mark_and_decomposed_gives_the_same_rows(home: Home) -> None:
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


def test_a_row_looked_up_before_its_campaign_arrived_is_read_again(home: Home) -> None:
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
