"""Deliveries that meet: two systems with the same keys, one file twice, overlapping files, corrections.

Whatever arrives, the batches that it does not correct keep every row, in raw, in quarantine and in the ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from loading_home import LoadingHome

from pipelines.errors import SourcesFileError

from .contents import unaccounted

FEED = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
PATTERN = "customers_{date:%Y%m%d}_{part}.csv"


def file_of(name: str, *keys: int) -> str:
    """A file with a row that cannot be loaded."""
    return "번호,이름,생일\n" + "".join(f"K{key},{name},1990-01-31\n" for key in keys) + "W1,김은경,1990-02-31\n"


@pytest.fixture
def crowded(home: LoadingHome) -> LoadingHome:
    """Two systems that deliver the same feed on the same days under the same keys; two days are loaded."""
    for system in ("branch", "agency"):
        home.add_source(FEED, f"{system}/{PATTERN}", COLUMNS, codec="cp949", source_system=system)
        for day in (1, 2):
            home.deliver(f"{system}/customers_2024010{day}_a.csv", file_of(system, 1, 2, 3), codec="cp949")
    result = home.load(FEED)
    assert (result.batches, result.counts["loaded"], result.counts["quarantined"]) == (4, 12, 4)
    return home


def rows_by_batch(home: LoadingHome) -> dict[str, list[tuple]]:
    """Batch -> its rows in raw and quarantine, and its line in the ledger."""
    found: dict[str, list[tuple]] = {}
    for query in (
        f"select batch_id, * from raw.{FEED} order by all",
        "select batch_id, * from quarantine.rows order by all",
        "select batch_id, * from ledger.loads where is_current order by all",
    ):
        for batch, *row in home.rows(query):
            found.setdefault(batch, []).append(tuple(row))
    return found


def batches_of(home: LoadingHome, system: str, day: int, part: str = "a") -> list[str]:
    rows = home.rows(
        "select batch_id from ledger.loads where is_current and source_system = ? and delivery_date = ? and part = ?",
        system,
        f"2024-01-0{day}",
        part,
    )
    return [batch for (batch,) in rows]


def load_and_compare(home: LoadingHome, change: Callable[[], object], corrected: list[str]) -> set[str]:
    """Make the change and load; every batch but the corrected ones must stay as it is. Returns the new batches."""
    before = rows_by_batch(home)
    change()
    home.load(FEED)
    after = rows_by_batch(home)
    assert {batch: rows for batch, rows in before.items() if after.get(batch) != rows}.keys() == set(corrected)
    assert unaccounted(home.settings.home) == []
    assert home.load(FEED).batches == 0
    return after.keys() - before.keys()


def test_two_systems_with_the_same_keys_keep_their_own_rows(crowded):
    rows = crowded.rows(f"select source_system, customer_name, count(*) from raw.{FEED} group by all order by all")
    assert rows == [("agency", "agency", 6), ("branch", "branch", 6)]


def test_a_corrected_file_replaces_its_own_batch_and_no_other(crowded):
    (old,) = batches_of(crowded, "branch", 1)
    new = load_and_compare(
        crowded,
        lambda: crowded.deliver("branch/customers_20240101_a.csv", file_of("corrected", 2, 9), codec="cp949"),
        [old],
    )
    assert new == set(batches_of(crowded, "branch", 1))
    rows = crowded.rows(f"select customer_key, customer_name from raw.{FEED} where batch_id = ? order by 1", *new)
    assert rows == [("K2", "corrected"), ("K9", "corrected")]


def test_a_correction_that_is_taken_back_restores_the_first_rows(crowded):
    before = {batch: rows[:-1] for batch, rows in rows_by_batch(crowded).items()}
    path = crowded.inbox / "branch/customers_20240101_a.csv"
    first = path.read_bytes()
    path.write_text(file_of("corrected", 2, 9), encoding="cp949")
    crowded.load(FEED)
    path.write_bytes(first)
    crowded.load(FEED)
    assert {batch: rows[:-1] for batch, rows in rows_by_batch(crowded).items()} == before
    assert unaccounted(crowded.settings.home) == []


def test_a_refused_correction_replaces_nothing(crowded):
    change = lambda: crowded.deliver("branch/customers_20240101_a.csv", "something else\n1\n")  # noqa: E731
    (refusal,) = load_and_compare(crowded, change, [])
    assert crowded.rows("select verdict from ledger.loads where batch_id = ?", refusal) == [("refused",)]


def test_the_same_keys_on_another_day_are_another_batch(crowded):
    change = lambda: crowded.deliver("branch/customers_20240103_a.csv", file_of("later", 2, 3, 4), codec="cp949")  # noqa: E731
    new = load_and_compare(crowded, change, [])
    assert new == set(batches_of(crowded, "branch", 3))
    assert crowded.rows(f"select count(*) from raw.{FEED} where customer_key = 'K2' and source_system = 'branch'") == [
        (3,)
    ]


def test_the_same_file_as_another_part_is_another_batch(crowded):
    def deliver_twice() -> None:
        folder = crowded.inbox / "branch"
        shutil.copy2(folder / "customers_20240101_a.csv", folder / "customers_20240101_b.csv")

    assert load_and_compare(crowded, deliver_twice, []) == set(batches_of(crowded, "branch", 1, "b"))


def test_the_same_file_touched_moved_and_back_is_not_loaded_again(crowded):
    path = crowded.inbox / "branch" / "customers_20240101_a.csv"

    def touch() -> None:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)

    assert load_and_compare(crowded, touch, []) == set()


def test_one_slot_reached_by_two_paths_is_an_error_that_changes_nothing(crowded):
    other = f"copies/{PATTERN}"
    crowded.add_source(FEED, other, COLUMNS, codec="cp949")
    before = rows_by_batch(crowded)
    copy = Path(crowded.inbox / "copies" / "customers_20240101_a.csv")
    copy.parent.mkdir()
    shutil.copy2(crowded.inbox / "branch" / "customers_20240101_a.csv", copy)
    with pytest.raises(SourcesFileError, match="are both the delivery of branch"):
        crowded.load(FEED)
    assert rows_by_batch(crowded) == before
    copy.unlink()
    assert crowded.load(FEED).batches == 0


def test_a_feed_that_one_system_delivers_by_two_patterns_keeps_the_days_of_both(crowded):
    crowded.add_source(FEED, f"copies/{PATTERN}", COLUMNS, codec="utf-8")
    new = load_and_compare(
        crowded, lambda: crowded.deliver("copies/customers_20240104_a.csv", file_of("copies", 1, 2)), []
    )
    assert new == set(batches_of(crowded, "branch", 4))
