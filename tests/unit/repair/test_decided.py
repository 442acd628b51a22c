"""Repairs: what a fix, a discard, a replay and a retraction do to raw, quarantine and ledger; a rebuild agrees."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from daily_customers import COLUMNS, CUSTOMERS, HEADER, raw_keys
from loading_home import LoadingHome

from pipelines.archive.batches import archived_delivery
from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import UsageError, WarehouseError
from pipelines.ledger.decisions import Author
from pipelines.ledger.loads import known
from pipelines.loading.feed import load_deliveries
from pipelines.loading.look import look
from pipelines.loading.reload import Reload
from pipelines.repair.decided import decide, find_deliveries, load_what_is_stale, mark_stale, restore, retract
from pipelines.repair.mending import Mending
from pipelines.repair.quarantine import HeldRow, find_row, fixed_values, held_rows, summaries
from pipelines.repair.work_sheet import rows_of, sheet, take_changes, write_sheet
from pipelines.replay.rebuild import rebuild

AREAS = "demographics__areas"
DAY = date(2024, 1, 1)
AUTHOR = Author("steward", datetime(2024, 2, 1), "seen the paper")


def quiet(step: str, message: str) -> None:
    """Shows nothing."""


@pytest.fixture
def branch(home: LoadingHome) -> LoadingHome:  # another branch than other tests have: its day is loaded
    """A home with one day of customers: 30 right ones, one with a wrong date (line 32) and one cut off (line 33)."""
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    home.deliver("customers_20240101.csv", day_of_customers())
    home.load(CUSTOMERS)
    return home


def day_of_customers(*more: str) -> str:
    right = [f"K{number},이름,1990-01-31" for number in range(1, 31)]
    return "\n".join([HEADER, *right, "K31,이름,never", 'K32,"이름', *more]) + "\n"


def row_at(home: LoadingHome, row_number: int) -> HeldRow:
    with connected(home.settings, home.settings.warehouse) as warehouse:
        (row,) = held_rows(warehouse, "held.row_number = ?", [row_number])
        return row


def mend(home: LoadingHome, row: HeldRow, values: dict[str, str] | None = None, line: str | None = None) -> None:
    """What `crmdw quarantine fix` does."""
    with connected(home.settings, home.settings.warehouse) as warehouse:
        ledger, fixed = known(warehouse), fixed_values(warehouse, [row.batch_id]).fetchall()
    with Mending(home.settings, home.sources_file(), ledger, [row], fixed) as mending:
        if line:
            mending.set_record(row, line)
        mending.set(row, values or {})
        contents = mending.contents()
    decide(home.settings, "fix", AUTHOR, [row], contents)
    load_stale(home)


def load_stale(home: LoadingHome) -> None:
    load_what_is_stale(home.settings, home.sources_file(), "run", quiet)


def discard(home: LoadingHome, row: HeldRow) -> None:
    decide(home.settings, "discard", AUTHOR, [row])
    load_stale(home)


def counts(home: LoadingHome) -> tuple:
    (line,) = home.rows(
        "select rows_read, rows_loaded, rows_quarantined, rows_duplicate, rows_fixed, verdict from ledger.loads "
        "where is_current"
    )
    return line


def statuses(home: LoadingHome) -> dict[int, str]:
    return dict(home.rows("select row_number, status from quarantine.rows"))


def contents(home: LoadingHome, *feed_names: str) -> dict[str, list[tuple]]:
    """All that a rebuild has to give again: raw rows, quarantine, and lines in force without numbers and times."""
    queries = {
        "quarantine": "from quarantine.rows",
        "lines": "select * exclude (load_number, run_id, loaded_at, is_stale) from ledger.loads where is_current",
        "files": "select feed, source_system, path, size, batch_id from ledger.files",
        "decisions": "from state.decisions",
    }
    queries |= {name: f"from raw.{name}" for name in feed_names or (CUSTOMERS,)}
    return {name: home.rows(f"select * from ({query}) order by all") for name, query in queries.items()}


def assert_rebuild_agrees(home: LoadingHome, *feed_names: str) -> None:
    before = contents(home, *feed_names)
    home.settings.warehouse.unlink()
    rebuild(home.settings, home.sources_file(), "rebuild", quiet)
    after = contents(home, *feed_names)
    # A file that was put back is read once more, and then known.
    assert set(before.pop("files")) <= set(after["files"])
    for name, rows in before.items():
        assert after[name] == rows, name


def test_a_fixed_row_is_loaded_beside_its_batch_and_stays_counted_as_held_back(branch: LoadingHome) -> None:
    assert counts(branch) == (32, 30, 2, 0, 0, "loaded")
    mend(branch, row_at(branch, 32), {"생일": "1990-02-28"})
    assert counts(branch) == (32, 30, 2, 0, 1, "loaded")
    assert statuses(branch) == {32: "fixed", 33: "open"}
    assert branch.rows(f"select birth_date, row_number from raw.{CUSTOMERS} where customer_key = 'K31'") == [
        (date(1990, 2, 28), 32)
    ]
    reasons, record = branch.rows("select reasons, record from quarantine.rows where row_number = 32")[0]
    assert reasons == "every value has its type (birth_date)" and '"생일":"never"' in record
    assert_rebuild_agrees(branch)


def test_a_fix_that_does_not_pass_leaves_the_row_open_with_its_new_reasons(branch: LoadingHome) -> None:
    mend(branch, row_at(branch, 32), {"생일": "1890-01-01"})
    assert statuses(branch)[32] == "open"
    assert row_at(branch, 32).reasons == "birth_date is at least 1900-01-01"
    assert "K31" not in raw_keys(branch)
    # A second fix adds to the first.
    mend(branch, row_at(branch, 32), {"생일": "1990-01-01", "번호": "K99"})
    assert "K99" in raw_keys(branch)
    assert_rebuild_agrees(branch)


def test_a_line_that_could_not_be_split_is_fixed_by_the_whole_line_or_all_its_columns(branch: LoadingHome) -> None:
    row = row_at(branch, 33)
    with pytest.raises(UsageError, match=r"(생일, 이름|이름, 생일) are not given"):
        mend(branch, row, {"번호": "K32"})
    with pytest.raises(UsageError, match="cannot be read: too few columns: 2 of 3"):
        mend(branch, row, line="K32,이름")
    mend(branch, row, line='K32,"이름, 귀하",1990-01-31')
    assert branch.rows(f"select customer_name from raw.{CUSTOMERS} where customer_key = 'K32'") == [("이름, 귀하",)]
    assert_rebuild_agrees(branch)


def test_a_refused_batch_loads_when_enough_of_its_rows_are_decided(branch: LoadingHome) -> None:
    branch.deliver("customers_20240101.csv", day_of_customers("K33,이름,never", "K34,이름,never"))
    branch.load(CUSTOMERS)
    assert [row[0] for row in branch.rows("select verdict from ledger.loads where is_current order by all")] == [
        "loaded",
        "refused",
    ]
    discard(branch, row_at(branch, 34))
    row = next(one for one in rows_of_refused(branch) if one.row_number == 35)
    mend(branch, row, {"생일": "1990-01-31"})
    # What was refused loads now, and takes the place of what it corrects.
    assert counts(branch) == (34, 30, 4, 0, 1, "loaded")
    assert statuses(branch) == {32: "open", 33: "open", 34: "discarded", 35: "fixed"}
    assert_rebuild_agrees(branch)


def rows_of_refused(home: LoadingHome) -> list[HeldRow]:
    with connected(home.settings, home.settings.warehouse) as warehouse:
        return held_rows(warehouse, "loads.verdict = 'refused'", [])


def test_a_fixed_row_that_repeats_another_is_not_loaded_twice(branch: LoadingHome) -> None:
    mend(branch, row_at(branch, 32), {"번호": "K1", "생일": "1990-01-31"})
    assert counts(branch) == (32, 30, 2, 0, 0, "loaded")
    assert statuses(branch)[32] == "fixed"
    assert len(branch.rows(f"from raw.{CUSTOMERS}")) == 30
    assert_rebuild_agrees(branch)


def test_a_repeated_bad_line_stays_a_duplicate_when_the_first_is_fixed(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    home.deliver("customers_20240101.csv", day_of_customers("K31,이름,never"))
    home.load(CUSTOMERS)
    assert counts(home) == (33, 30, 2, 1, 0, "loaded")
    mend(home, row_at(home, 32), {"생일": "1990-01-31"})
    assert counts(home) == (33, 30, 2, 1, 1, "loaded")


def test_a_discarded_row_leaves_the_open_list_and_stays_out_when_the_rules_change(branch: LoadingHome) -> None:
    discard(branch, row_at(branch, 32))
    assert counts(branch) == (32, 30, 2, 0, 0, "loaded")
    branch.sources[0]["columns"] = {"customer_key": "번호", "customer_name": "이름"}
    branch.load(CUSTOMERS, reload=Reload())
    assert statuses(branch) == {32: "discarded", 33: "open"}
    assert "K31" not in raw_keys(branch)


def test_a_replay_loads_what_passes_by_the_mapping_of_today(branch: LoadingHome) -> None:
    branch.sources[0]["columns"] = {"customer_key": "번호", "customer_name": "이름"}
    branch.sources_file()
    mark_stale(branch.settings, [row_at(branch, 32)])
    load_stale(branch)
    assert counts(branch) == (32, 31, 1, 0, 0, "loaded")


def test_a_decision_whose_load_was_interrupted_is_carried_out_by_the_next_run(branch: LoadingHome) -> None:
    row = row_at(branch, 32)
    decide(branch.settings, "fix", AUTHOR, [row], [(row.batch_id, 32, '{"생일": "1990-01-31"}')])
    assert "K31" not in raw_keys(branch)
    assert not look(branch.settings, datetime(2024, 1, 2).astimezone()).is_published
    assert branch.load(CUSTOMERS).batches == 1
    assert "K31" in raw_keys(branch)
    assert branch.load(CUSTOMERS).batches == 0


def test_fixes_and_discards_go_with_the_batch_when_its_slot_is_delivered_anew(branch: LoadingHome) -> None:
    mend(branch, row_at(branch, 32), {"생일": "1990-01-31"})
    discard(branch, row_at(branch, 33))
    branch.deliver("customers_20240101.csv", f"{HEADER}\nK7,이름,1990-01-31\n")
    branch.load(CUSTOMERS)
    assert raw_keys(branch) == {"K7"} and statuses(branch) == {}
    assert_rebuild_agrees(branch)
    # And come back with it.
    branch.deliver("customers_20240101.csv", day_of_customers())
    branch.load(CUSTOMERS)
    assert statuses(branch) == {32: "fixed", 33: "discarded"}
    assert_rebuild_agrees(branch)


def test_a_fix_is_masked_like_every_delivery(branch: LoadingHome) -> None:
    branch.sources[0]["columns"] = COLUMNS | {"address": "주소"}
    branch.deliver("customers_20240102.csv", HEADER + ",주소\nK1,이름,1990-01-31,서울\nK2,이름,never,서울\n")
    branch.load(CUSTOMERS)
    with connected(branch.settings, branch.settings.warehouse) as warehouse:
        (row,) = held_rows(warehouse, "loads.delivery_date = '2024-01-02'", [])
    mend(branch, row, {"생일": "1990-01-31", "주소": "서울 900101-1234568"})
    ((content,),) = branch.rows("select content from state.decisions")
    assert "1234568" not in content
    assert "1234568" not in str(branch.rows(f"select address from raw.{CUSTOMERS} where customer_key = 'K2'"))


def test_a_typed_cell_takes_only_values_of_its_type(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.parquet", COLUMNS, format="parquet")
    home.inbox.mkdir()
    birth_dates = [date(1990, 1, 31)] * 30 + [date(1880, 1, 1)]
    table = {"번호": [f"K{n}" for n in range(31)], "이름": ["이름"] * 31, "생일": birth_dates}
    pq.write_table(pa.table(table), home.inbox / "20240101.parquet")
    home.load(CUSTOMERS)
    with pytest.raises(UsageError, match="the value given for 생일 is no date"):
        mend(home, row_at(home, 31), {"생일": "someday"})
    with pytest.raises(UsageError, match="has no column 출생"):
        mend(home, row_at(home, 31), {"출생": "1980-01-01"})
    mend(home, row_at(home, 31), {"생일": "1980-01-01"})
    assert home.rows(f"select birth_date from raw.{CUSTOMERS} where customer_key = 'K30'") == [(date(1980, 1, 1),)]
    assert_rebuild_agrees(home)


def test_a_record_of_json_is_fixed_by_its_paths(home: LoadingHome) -> None:
    home.add_source(
        CUSTOMERS, "c_{date:%Y%m%d}.jsonl", {"customer_key": "who.no", "birth_date": "born"}, format="json_lines"
    )
    right = [f'{{"who": {{"no": "K{number}"}}, "born": "1990-01-31"}}' for number in range(30)]
    home.deliver("c_20240101.jsonl", "\n".join([*right, '{"who": {"no": "K30"}, "born": "never"}', '{"who": {"no"']))
    home.load(CUSTOMERS)
    mend(home, row_at(home, 31), {"born": "1991-01-31"})
    mend(home, row_at(home, 32), line='{"who": {"no": "K31"}, "born": "1992-01-31"}')
    found = home.rows(f"select customer_key, birth_date from raw.{CUSTOMERS} where row_number > 30 order by all")
    assert found == [("K30", date(1991, 1, 31)), ("K31", date(1992, 1, 31))]
    assert_rebuild_agrees(home)


def test_a_batch_that_was_refused_as_a_whole_cannot_be_fixed_row_by_row(branch: LoadingHome) -> None:
    branch.deliver("customers_20240102.csv", "번호,성명\nK1,이름\n")
    branch.load(CUSTOMERS)
    with connected(branch.settings, branch.settings.warehouse) as warehouse:
        (row,) = held_rows(warehouse, "loads.delivery_date = '2024-01-02'", [])
    with pytest.raises(UsageError, match="its batch was refused as a whole"):
        mend(branch, row, line="K1,이름")


def test_a_row_is_found_by_the_beginning_of_its_batch(branch: LoadingHome) -> None:
    row = row_at(branch, 32)
    with connected(branch.settings, branch.settings.warehouse) as warehouse:
        assert find_row(warehouse, row.name) == row == find_row(warehouse, f"{row.batch_id}:32")
        for name in ("12", "ffff:32", f"{row.batch_id}:5"):
            with pytest.raises(UsageError, match=name):
                find_row(warehouse, name)


class TestRetraction:
    """A delivery is withdrawn on purpose."""

    def withdraw(self, home: LoadingHome, feed: str = CUSTOMERS, day: date = DAY, **narrowed: Any) -> None:
        loads = find_deliveries(home.settings, feed, day, narrowed.get("system"), narrowed.get("part"))
        retract(home.settings, home.sources_file(), loads, AUTHOR)
        load_stale(home)

    def put_back(self, home: LoadingHome, feed: str = CUSTOMERS, day: date = DAY) -> None:
        sources_file = home.sources_file()
        manifests = restore(home.settings, sources_file, feed, day, None, None, AUTHOR)
        deliveries = [archived_delivery(sources_file, manifest) for manifest in manifests]
        load_deliveries(home.settings, sources_file, feeds()[feed], deliveries, "run")
        load_stale(home)

    def test_its_rows_leave_and_the_same_file_is_not_loaded_again(self, branch: LoadingHome) -> None:
        self.withdraw(branch)
        assert raw_keys(branch) == set() and statuses(branch) == {}
        assert branch.rows("select is_current, is_retracted, rows_read from ledger.loads") == [(False, True, 32)]
        (branch.inbox / "customers_20240101.csv").touch()
        assert branch.load(CUSTOMERS).batches == 0
        assert branch.load(CUSTOMERS, reload=Reload()).batches == 0
        assert_rebuild_agrees(branch)
        assert branch.load(CUSTOMERS).batches == 0

    def test_another_content_is_a_new_delivery(self, branch: LoadingHome) -> None:
        self.withdraw(branch)
        branch.deliver("customers_20240101.csv", f"{HEADER}\nK7,이름,1990-01-31\n")
        branch.load(CUSTOMERS)
        assert raw_keys(branch) == {"K7"}
        assert_rebuild_agrees(branch)
        with pytest.raises(UsageError, match="was loaded for 2024-01-01 since"):
            self.put_back(branch)

    def test_it_can_be_undone(self, branch: LoadingHome) -> None:
        mend(branch, row_at(branch, 32), {"생일": "1990-01-31"})
        before = contents(branch)["branch__customers"]
        self.withdraw(branch)
        (branch.inbox / "customers_20240101.csv").unlink()
        self.put_back(branch)
        assert contents(branch)["branch__customers"] == before
        assert statuses(branch) == {32: "fixed", 33: "open"}
        with pytest.raises(UsageError, match="is withdrawn"):
            self.put_back(branch)

    def test_a_missing_delivery_or_one_of_several_systems_is_named(self, branch: LoadingHome) -> None:
        with pytest.raises(UsageError, match="no delivery of branch__customers for 2024-03-01 is in force"):
            self.withdraw(branch, day=date(2024, 3, 1))
        branch.add_source(CUSTOMERS, "card_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8", source_system="card")
        branch.deliver("card_20240101.csv", f"{HEADER}\nK1,이름,1990-01-31\n")
        branch.load(CUSTOMERS)
        with pytest.raises(UsageError, match="came from branch, card"):
            self.withdraw(branch)
        self.withdraw(branch, system="card")
        assert len(raw_keys(branch)) == 30

    def test_later_snapshots_are_compared_anew(self, home: LoadingHome) -> None:
        home.add_source(AREAS, "{date:%Y%m%d}.csv", {"area_key": "k", "province": "n"}, codec="utf-8")
        for day, name in ((1, "old"), (2, "new"), (3, "new")):
            home.deliver(f"2024010{day}.csv", f"k,n\nP1,{name}\n")
        home.load(AREAS)
        changes = f"select day(delivery_date), province from raw.{AREAS} order by all"
        assert home.rows(changes) == [(1, "old"), (2, "new")]
        self.withdraw(home, AREAS, date(2024, 1, 2))
        assert home.rows(changes) == [(1, "old"), (3, "new")]
        assert_rebuild_agrees(home, AREAS)
        self.put_back(home, AREAS, date(2024, 1, 2))
        assert home.rows(changes) == [(1, "old"), (2, "new")]
        assert_rebuild_agrees(home, AREAS)


class TestRebuild:
    """The warehouse is made anew."""

    def test_what_superseded_what_comes_out_as_it_was(self, branch: LoadingHome) -> None:
        for content in ("K1,이름,1990-01-31", "K2,이름,1990-01-31", "K1,이름,1990-01-31"):
            branch.deliver("customers_20240102.csv", f"{HEADER}\n{content}\n")
            branch.load(CUSTOMERS)
        # A refused correction stays beside the good delivery.
        branch.deliver("customers_20240103.csv", f"{HEADER}\nK3,이름,1990-01-31\n")
        branch.load(CUSTOMERS)
        branch.deliver("customers_20240103.csv", "번호\nK4\n")
        branch.load(CUSTOMERS)
        # So do a file of which nothing could be read, and one without rows.
        branch.deliver("customers_20240104.csv", "")
        branch.deliver("customers_20240105.csv", HEADER + "\n")
        branch.load(CUSTOMERS)
        assert_rebuild_agrees(branch)
        assert branch.load(CUSTOMERS).batches == 0

    def test_it_needs_no_inbox(self, branch: LoadingHome) -> None:
        (branch.inbox / "customers_20240101.csv").unlink()
        assert_rebuild_agrees(branch)

    def test_a_home_whose_warehouse_is_gone_says_so_and_starts_nothing(self, branch: LoadingHome) -> None:
        branch.settings.warehouse.unlink()
        with pytest.raises(WarehouseError, match="crmdw rebuild"):
            look(branch.settings, datetime(2024, 1, 2).astimezone())
        assert not branch.settings.warehouse.exists()

    def test_an_interrupted_one_leaves_the_old_warehouse_in_place(
        self, branch: LoadingHome, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = branch.settings.warehouse.read_bytes()
        monkeypatch.setattr("pipelines.replay.rebuild.withdraw", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rebuild(branch.settings, branch.sources_file(), "rebuild", quiet)
        assert branch.settings.warehouse.read_bytes() == before

    def test_a_home_of_an_older_version_is_named_and_is_rebuilt_without_manifests(self, branch: LoadingHome) -> None:
        before = contents(branch)
        with duckdb.connect(str(branch.settings.warehouse)) as warehouse:
            warehouse.execute("alter table ledger.loads drop column source_columns")
            warehouse.execute("drop table ledger.version")
            warehouse.execute("drop schema state cascade")
        for manifest in branch.settings.archive.glob("*/*/manifest.json"):
            manifest.unlink()
        (branch.settings.archive / "sequence").unlink()
        with pytest.raises(WarehouseError, match="made by another version"):
            look(branch.settings, datetime(2024, 1, 2).astimezone())
        with pytest.raises(WarehouseError, match="made by another version"):
            branch.load(CUSTOMERS)
        rebuild(branch.settings, branch.sources_file(), "rebuild", quiet)
        assert contents(branch)["branch__customers"] == before["branch__customers"]
        assert contents(branch)["files"] == before["files"]

    def test_a_source_that_is_gone_from_the_sources_file_is_named(self, branch: LoadingHome) -> None:
        branch.sources[0]["source_system"] = "card"
        with pytest.raises(UsageError, match="branch__customers from branch"):
            rebuild(branch.settings, branch.sources_file(), "rebuild", quiet)


def test_decisions_are_copied_out_and_never_overwritten_by_fewer(branch: LoadingHome) -> None:
    discard(branch, row_at(branch, 32))
    copy = branch.settings.state / "decisions.parquet"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert duckdb.sql(f"select kind, decided_by, row_number from '{copy}'").fetchall() == [("discard", "steward", 32)]
    with duckdb.connect(str(branch.settings.warehouse)) as warehouse:
        warehouse.execute("delete from state.decisions")
    with pytest.raises(WarehouseError, match="holds 1 decisions"):
        discard_nothing(branch)


def discard_nothing(home: LoadingHome) -> None:
    decide(home.settings, "discard", AUTHOR, [])


def test_an_archived_batch_that_was_put_aside_by_a_killed_process_comes_back(branch: LoadingHome) -> None:
    (folder,) = (branch.settings.archive / CUSTOMERS).glob("batch_id=*")
    aside: Path = folder.rename(folder.with_name("replaced-" + folder.name))
    assert branch.load(CUSTOMERS, reload=Reload(DAY, DAY)).counts["read"] == 32
    assert folder.exists() and not aside.exists()


def test_the_revenue_that_is_held_back_is_told_per_currency(home: LoadingHome) -> None:
    columns = {
        "transaction_key": "no",
        "transacted_at": "at",
        "amount_role": "role",
        "amount": "amount",
        "currency": "currency",
    }
    home.add_source("branch__transactions", "{date:%Y%m%d}.csv", columns, codec="utf-8")
    right = [f"T{number},2024-01-01 10:00,sale,1,KRW" for number in range(60)]
    wrong = ["A,never,sale,1000,KRW", "B,never,sale,10.50,USD", "C,never,principal,7000,KRW"]
    home.deliver("20240101.csv", "\n".join(["no,at,role,amount,currency", *right, *wrong]))
    home.load("branch__transactions")
    with connected(home.settings, home.settings.warehouse) as warehouse:
        (found,) = summaries(warehouse, None, False)
    assert found.held_amounts == [(Decimal("1000.00"), "KRW"), (Decimal("10.50"), "USD")]
    assert (found.rows, found.row_number, Path(found.file).name) == (3, 62, "20240101.csv")


def test_a_work_sheet_gives_back_the_cells_that_were_changed_and_no_others(branch: LoadingHome, tmp_path: Path) -> None:
    rows = [row_at(branch, 32), row_at(branch, 33)]
    path = tmp_path / "rows.csv"
    with connected(branch.settings, branch.settings.warehouse) as warehouse:
        ledger = known(warehouse)
    with Mending(branch.settings, branch.sources_file(), ledger, rows, []) as mending:
        write_sheet(mending, path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_bytes().decode("utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    mended = text.replace("never", "1990-01-31").replace('"K32,""이름"', '"K32,이름,1991-01-31"')
    # Excel on a Korean Windows saves in its own code page.
    path.write_bytes(mended.encode("cp949"))
    with sheet(branch.settings, path) as sheet_connection:
        assert rows_of(sheet_connection) == sorted(f"{row.batch_id}:{row.row_number}" for row in rows)
        with Mending(branch.settings, branch.sources_file(), ledger, rows, []) as mending:
            assert take_changes(mending, sheet_connection) == {"번호": 1, "생일": 2, "이름": 1}
            changed = mending.contents()
    assert [json.loads(content) for *_, content in changed] == [
        {"생일": "1990-01-31"},
        {"번호": "K32", "생일": "1991-01-31", "이름": "이름"},
    ]
    decide(branch.settings, "fix", AUTHOR, rows, changed)
    load_stale(branch)
    assert statuses(branch) == {32: "fixed", 33: "fixed"}
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(UsageError, match="this is no work sheet"), sheet(branch.settings, path):
        pass
