"""Loading what is wrong: each error names file, row, cause and remedy, and what can be saved is saved."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from daily_customers import COLUMNS, CUSTOMERS, HEADER, customer_file, deliver, held, raw_keys
from loading_home import LoadingHome

from pipelines.errors import GateBrokenError, SourcesFileError
from pipelines.loading.reload import Reload
from pipelines.settings import Settings


def test_a_wrong_codec_names_the_row_the_likely_codec_and_the_remedy(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1, 2, 3).encode("utf-8"))
    (reason,) = branch.load(CUSTOMERS).refused
    assert "customers_20240101.csv: row 1" in reason
    assert "It was read as cp949 but looks like utf-8" in reason
    assert "Remedy: set codec: utf-8" in reason
    assert raw_keys(branch) == set()
    assert set(held(branch)) == {2, 3, 4}
    assert branch.rows("select verdict, rows_read, rows_quarantined from ledger.loads") == [("refused", 3, 3)]


def test_a_source_mended_after_a_wrong_codec_loads_the_same_file_by_the_next_load(branch: LoadingHome) -> None:
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
    branch.load(CUSTOMERS, reload=Reload())
    assert raw_keys(branch) == {"K1"}


def test_a_refused_delivery_is_read_again_only_when_its_source_was_mended(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1).encode("utf-8"))
    assert branch.load(CUSTOMERS).batches == 1
    assert branch.load(CUSTOMERS).batches == 0


def test_a_file_without_its_header_line_shows_nobodys_data(branch: LoadingHome) -> None:
    deliver(branch, 1, "K1,김은경,1990-01-31\nK2,서지원,1991-01-31\n")
    (reason,) = branch.load(CUSTOMERS).refused
    assert "row 1: the columns" in reason and "Remedy: " in reason
    assert "김은경" not in reason and "K1" not in reason


def test_a_refused_correction_leaves_the_good_delivery_in_force(branch: LoadingHome) -> None:
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


def test_the_good_file_put_back_after_a_refused_correction_clears_the_refusal(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1))
    branch.load(CUSTOMERS)
    deliver(branch, 1, "번호,성명\nK7,서지원\n")
    branch.load(CUSTOMERS)
    deliver(branch, 1, customer_file(1))
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1"}
    assert branch.rows("select verdict from ledger.loads where is_current") == [("loaded",)]


def test_a_refused_header_stays_refused_when_it_is_replayed_from_the_archive(branch: LoadingHome) -> None:
    path = deliver(branch, 1, "번호,성명\nK1,김은경\n")
    branch.load(CUSTOMERS)
    path.unlink()
    branch.load(CUSTOMERS, reload=Reload())
    assert branch.rows("select verdict from ledger.loads where is_current") == [("refused",)]


def test_every_row_of_a_refused_batch_is_held_with_its_record(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1) + "K2,a,never\nK3,a,never\n")
    branch.load(CUSTOMERS)
    assert branch.rows("select count(*), count(record) from quarantine.rows") == [(3, 3)]


def test_a_file_that_cannot_be_opened_is_named_and_the_others_are_loaded(
    branch: LoadingHome, monkeypatch: pytest.MonkeyPatch
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


def test_a_truncated_line_is_held_back_and_the_others_are_saved(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(*range(1, 30)) + 'K30,"김은')
    branch.load(CUSTOMERS)
    assert len(raw_keys(branch)) == 29
    (row_number, (reasons, record)) = next(iter(held(branch).items()))
    assert row_number == 31
    assert reasons == "unparsable line: a quote is not closed, or stands inside a quoted field"
    assert record == 'K30,"김은'


def test_a_line_with_too_few_columns_says_how_many(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1) + "K2,김은경\n")
    branch.load(CUSTOMERS)
    assert held(branch) == {3: ("unparsable line: too few columns: 2 of 3", "K2,김은경")}


def test_a_bad_value_names_its_column_and_keeps_its_record(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1) + "K2,김은경,1990-02-31\n")
    branch.load(CUSTOMERS)
    reasons, record = held(branch)[3]
    assert reasons == "every value has its type (birth_date)"
    assert '"생일":"1990-02-31"' in record and '"이름":"김은경"' in record


def test_all_reasons_of_a_row_are_told(branch: LoadingHome) -> None:
    deliver(branch, 1, customer_file(1) + ",김은경,1890-01-01\n")
    branch.load(CUSTOMERS)
    assert held(branch)[3][0] == "birth_date is at least 1900-01-01; customer_key is present"


def test_a_missing_column_refuses_the_batch_and_names_it(branch: LoadingHome) -> None:
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
def test_a_file_that_is_no_such_csv_is_refused_by_name(branch: LoadingHome, content: bytes, cause: str) -> None:
    deliver(branch, 1, content)
    deliver(branch, 2, customer_file(2))
    (reason,) = branch.load(CUSTOMERS).refused
    assert reason.startswith("customers_20240101.csv: ") and cause in reason and "Remedy: " in reason
    assert raw_keys(branch) == {"K2"}


def test_a_header_may_end_with_a_delimiter(branch: LoadingHome) -> None:
    deliver(branch, 1, f"{HEADER},\nK1,김은경,1990-01-31,\n")
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1"}


def test_a_source_may_use_any_name_for_its_columns(home: LoadingHome) -> None:
    """Each of the names in a source of its own, all by one load."""
    names = ["row_number", "batch_id", "Line", "_record", "unparsed", "part", "taken", "fields", 'a"b', "a.b"]
    systems = [f"system_{place}" for place in range(len(names))]
    for system, name in zip(systems, names, strict=True):
        columns = {"customer_key": name, "customer_name": "이름"}
        home.add_source(CUSTOMERS, f"{system}.csv", columns, codec="cp949", source_system=system)
        quoted = '"' + name.replace('"', '""') + '"'
        home.deliver(f"{system}.csv", f"{quoted},이름\nK1,김은경\n", codec="cp949")
    home.load(CUSTOMERS)
    found = home.rows(f"select source_system, row_number, customer_key from raw.{CUSTOMERS} order by all")
    assert found == [(system, 2, "K1") for system in systems]


def test_a_parquet_source_may_use_any_name_for_its_columns(home: LoadingHome) -> None:
    home.inbox.mkdir()
    names = ["row_number", "Batch_ID", "part", "filename"]
    systems = [f"system_{place}" for place in range(len(names))]
    for system, name in zip(systems, names, strict=True):
        pattern = f"{system}_{{date:%Y%m%d}}.parquet"
        home.add_source(CUSTOMERS, pattern, {"customer_key": name}, format="parquet", source_system=system)
        pq.write_table(pa.table({name: ["K1", "K2"]}), home.inbox / f"{system}_20240101.parquet")
    home.load(CUSTOMERS)
    found = home.rows(f"select source_system, row_number, customer_key from raw.{CUSTOMERS} order by all")
    assert found == [(system, row, f"K{row}") for system in systems for row in (1, 2)]


def test_columns_that_differ_in_case_alone_are_told_apart_or_refused(branch: LoadingHome) -> None:
    branch.sources[0]["columns"] = {"customer_key": "id", "customer_name": "이름"}
    deliver(branch, 1, "id,ID,이름\nK1,other,김은경\n")
    result = branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K1"} or "twice" in result.refused[0]


@pytest.mark.parametrize("folder", ["plain", "of [ab]"])
def test_a_home_and_a_parquet_file_may_have_the_signs_of_patterns_in_their_names(tmp_path: Path, folder: str) -> None:
    home = LoadingHome(Settings(tmp_path / folder, tmp_path / folder / "sources.yml", "1GB", 2, 3))
    home.inbox.mkdir(parents=True)
    home.add_source(CUSTOMERS, "[{part}]_{date:%Y%m%d}.parquet", {"customer_key": "k"}, format="parquet")
    delivered = home.inbox / "[a]_20240101.parquet"
    pq.write_table(pa.table({"k": ["K1", "K2"]}), delivered)
    pq.write_table(pa.table({"k": ["of another file"]}), home.inbox / "a_20240101.parquet")
    assert home.load(CUSTOMERS).refused == []
    assert raw_keys(home) == {"K1", "K2"}
    delivered.unlink()
    replayed = home.load(CUSTOMERS, reload=Reload())
    assert (replayed.refused, replayed.counts["read"]) == ([], 2)
    assert raw_keys(home) == {"K1", "K2"}


def test_an_unreadable_parquet_file_is_refused_by_name_and_the_others_load(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.parquet", COLUMNS, format="parquet")
    home.deliver("20240101.parquet", b"PAR1 and then nothing")
    pq.write_table(pa.table({"번호": ["K2"], "이름": ["a"], "생일": ["1990-01-01"]}), home.inbox / "20240102.parquet")
    (reason,) = home.load(CUSTOMERS).refused
    assert reason.startswith("20240101.parquet: not readable as Parquet: ") and "Remedy: " in reason
    assert raw_keys(home) == {"K2"}


def test_more_bad_rows_than_tolerated_refuse_the_batch_and_hold_every_row(branch: LoadingHome) -> None:
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


def test_a_line_that_is_no_json_object_says_so(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "c.jsonl", {"customer_key": "k"}, format="json_lines")
    right = [f'{{"k": "K{number}"}}' for number in range(30)]
    home.deliver("c.jsonl", "\n".join([*right, '[{"k": "K30"}]', '{"k": "K31"']))
    home.load(CUSTOMERS)
    assert held(home) == {
        31: ("unparsable line: not a JSON object", '[{"k": "K30"}]'),
        32: ("unparsable line: not JSON", '{"k": "K31"'),
    }


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ('[{"k": "K1"}, {"k": "K2"}]', "none of its 1 lines is a JSON object; the first that is JSON is one array"),
        ('[{"k": "K1"},\n{"k": "K2"},\n]', "none of its 3 lines is a JSON object, and none is JSON"),
        ('"K1"\n7\n', "none of its 2 lines is a JSON object; the first that is JSON is one varchar"),
    ],
)
def test_a_file_without_a_json_object_is_refused_whatever_is_tolerated(
    home: LoadingHome, content: str, cause: str
) -> None:
    home.add_source(CUSTOMERS, "c.jsonl", {"customer_key": "k"}, format="json_lines")
    home.deliver("c.jsonl", content)
    (reason,) = home.load(CUSTOMERS).refused
    assert reason.startswith(f"c.jsonl: {cause}. Remedy: deliver one object a line"), reason


def test_a_delivery_of_which_no_line_can_be_read_is_refused_whatever_is_tolerated(branch: LoadingHome) -> None:
    header = customer_file().splitlines()[0]
    deliver(branch, 1, f"{header}\nall three sales of the day\n")
    deliver(branch, 2, customer_file(4) + "cut off\n")
    (reason,) = branch.load(CUSTOMERS).refused
    assert reason.startswith("customers_20240101.csv: 1 of 1 rows are held back, and the contract tolerates 0; it ")
    assert raw_keys(branch) == {"K4"}


def test_a_bad_line_of_json_does_not_disturb_a_look_up(home: LoadingHome) -> None:
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


def test_a_delivery_of_which_every_header_is_wrong_is_refused_even_with_a_look_up(home: LoadingHome) -> None:
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


def test_a_broken_gate_leaves_everything_as_it_was(branch: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_two_files_for_one_slot_are_an_error_that_names_both(branch: LoadingHome) -> None:
    branch.add_source(CUSTOMERS, "companies_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    deliver(branch, 1, customer_file(1))
    branch.deliver("companies_20240101.csv", customer_file(2), codec="cp949")
    with pytest.raises(SourcesFileError, match=r"customers_20240101\.csv") as error:
        branch.load(CUSTOMERS)
    assert "companies_20240101.csv" in str(error.value)
