"""The repair commands as a steward meets them, and a rebuild that publishes the same with all that was decided."""

from __future__ import annotations

import re
import shutil

import pytest

from .homes import UNTESTED, CommandHome


@pytest.fixture(scope="module")
def repaired(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A home in which one row was fixed, one discarded and one delivery withdrawn, and that was then published."""
    home = built.copied_to(tmp_path_factory.mktemp("repaired") / "home")
    customer, transaction = (row(home, feed) for feed in ("branch__customers", "branch__transactions"))
    home.succeed("quarantine", "fix", customer, "--set", "생년월일=19900131", "--reason", "seen", "--by", "steward")
    home.succeed("quarantine", "discard", transaction, "--reason", "was cut off")
    home.succeed("retract", "call_center__calls", "2024-01-10", "--reason", "another centre's")
    home.succeed("run", preamble=UNTESTED)
    return home


def row(home: CommandHome, feed: str) -> str:
    """What the list calls the first row of a feed."""
    found = re.search("[0-9a-f]{8}:[0-9]+", home.succeed("quarantine", "list", "--feed", feed))
    assert found
    return found[0]


def test_the_list_tells_what_is_held_back_and_nobodys_data(built):
    text = built.succeed("quarantine", "list")
    assert "Held back: 2 rows" in text
    assert "(birth_date)" in text and "few columns: 2 of 14" in text
    assert "19991399" not in text


def test_a_repair_is_published_by_the_next_run(built, repaired):
    fixed = "select count(*) from ledger.loads where is_current and rows_fixed = 1"
    assert (built.ask(fixed), repaired.ask(fixed)) == ([(0,)], [(1,)])
    assert repaired.content_hash() != built.content_hash()
    assert "Nothing is held back." in repaired.succeed("quarantine", "list")
    everything = repaired.succeed("quarantine", "list", "--all")
    assert "fixed:" in everything and "discarded:" in everything
    assert repaired.ask("select decided_by, reason from state.decisions order by decision_number limit 1") == [
        ("steward", "seen")
    ]


def test_a_rebuild_without_inbox_publishes_the_same_content(repaired, tmp_path):
    home = repaired.copied_to(tmp_path / "home")
    home.warehouse.unlink()
    shutil.rmtree(home.folder / "inbox")
    done = home.crmdw("run")
    assert done.returncode != 0
    assert "is gone" in done.stderr and "crmdw rebuild" in done.stderr
    assert not home.warehouse.exists()
    home.succeed("rebuild", "--yes", preamble=UNTESTED)
    assert home.content_hash() == repaired.content_hash()
    assert len(home.ask("from ledger.publications")) == len(repaired.ask("from ledger.publications")) + 1
    assert not (home.folder / "warehouse.duckdb.before-rebuild").exists()
    # A copied home knows its files by two paths.
    known = "select distinct batch_id from ledger.files order by all"
    assert home.ask(known) == repaired.ask(known)


def test_a_wrong_row_column_or_feed_ends_with_2(copy):
    for arguments, cause in (
        (("quarantine", "show", "ffffffff:1"), "no such row is in quarantine"),
        (("quarantine", "fix", row(copy, "branch__customers"), "--set", "x=1", "--reason", "r"), "has no column x"),
        (("quarantine", "list", "--feed", "calls"), "there is no such feed"),
        (("retract", "branch__customers", "2023-01-01", "--reason", "r"), "is in force"),
    ):
        done = copy.crmdw(*arguments)
        assert done.returncode == 2, done.stderr
        assert cause in done.stderr and "Remedy: " in done.stderr
