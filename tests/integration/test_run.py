"""What a run leaves behind: equal content however the days were split, nothing where nothing is new, no open file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.publishing.content_hash import content_hash

from .homes import COMMAND, UNTESTED, CommandHome, copied_inbox, deliver_late

# Tells at every report which DuckDB files the process has open, and at some of them whether another process may
# open the warehouse for writing. While dbt builds, dbt has it, so nobody probes then.
_WATCH = """
import json, os, subprocess, sys
from pathlib import Path
from pipelines.orchestration.progress import listen

OPENS = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('select 42')"
WAREHOUSE = os.environ["CRMDW_HOME"] + "/warehouse.duckdb"

def watch(step, message):
    handles = Path("/proc/self/fd")
    links = [os.readlink(handle) for handle in handles.iterdir() if handle.is_symlink()] if handles.exists() else []
    held = [link for link in links if ".duckdb" in link]
    fault = None
    steps = ("branch__transactions", "ledger", "candidate", "publish")
    if step in steps or message == "starting dbt":
        done = subprocess.run([sys.executable, "-c", OPENS, WAREHOUSE], capture_output=True, text=True)
        fault = done.stderr if done.returncode else ""
    with open(os.environ["WATCHED"], "a") as file:
        file.write(json.dumps([step, message, held, fault]) + chr(10))

listen(watch)
"""


@pytest.fixture(scope="module")
def in_two_runs(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandHome, list[list]]:
    """A fresh home with the inputs of the built one, of which the first half is run first; and what was watched."""
    folder = tmp_path_factory.mktemp("two_runs")
    home = copied_inbox(built, folder / "home", built)
    watched = folder / "watched.jsonl"
    late = [file for file in _files(built) if _day(file) > "20240115"]
    for files, arguments in (
        ([file for file in _files(built) if file not in late], ("run", "--today", "2024-01-15")),
        (late, ("run", "--today", "2024-02-01")),
    ):
        for file in files:
            target = home.folder / file.relative_to(built.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
        home.succeed(*arguments, preamble=UNTESTED + (_WATCH if files is late else ""), WATCHED=str(watched))
    return home, [json.loads(line) for line in watched.read_text().splitlines()]


def _files(home: CommandHome) -> list[Path]:
    return sorted(file for file in (home.folder / "inbox").rglob("*") if file.is_file())


def _day(file: Path) -> str:
    return file.stem.rsplit("_", 1)[1].replace("-", "")


def test_two_fresh_homes_publish_equal_content_however_the_days_were_split(built, in_two_runs):
    home, _ = in_two_runs
    hashes = [row[0] for row in home.ask("select content_hash from ledger.publications order by published_at")]
    assert len(hashes) == 2
    assert hashes[1] == built.content_hash()
    assert hashes[0] != hashes[1], "half of the month is not the month"


def test_the_first_half_was_published_with_its_own_complete_date(in_two_runs):
    home, _ = in_two_runs
    dates = home.ask("select complete_date::varchar from ledger.publications order by published_at")
    assert dates == [("2024-01-15",), ("2024-01-31",)]


def test_every_row_that_was_read_is_accounted_for(built):
    rows = built.ask(
        "select sum(rows_read), sum(rows_loaded), sum(rows_quarantined), sum(rows_duplicate), sum(rows_unchanged) "
        "from ledger.loads where is_current"
    )
    read, loaded, quarantined, duplicate, unchanged = rows[0]
    assert read == loaded + quarantined + duplicate + unchanged
    assert (quarantined, duplicate) == (2, 1), "the three dirty rows of the inbox"
    assert built.ask("select count(*) from quarantine.rows") == [(2,)]


def test_no_report_of_a_run_finds_a_duckdb_file_open_in_its_process(in_two_runs):
    _, watched = in_two_runs
    steps = {step for step, *_ in watched}
    assert {"branch__transactions", "ledger", "models", "candidate", "publish"} <= steps
    assert [line for line in watched if line[2]] == []


def test_another_process_can_open_the_warehouse_between_gate_dbt_audit_and_publish(in_two_runs):
    _, watched = in_two_runs
    probed = {(step, message.split(" ")[0]): fault for step, message, _, fault in watched if fault is not None}
    for moment in (
        ("branch__transactions", "gating"),
        ("branch__transactions", "writing"),
        ("ledger", "checking"),
        ("models", "starting"),
        ("candidate", "closing"),
        ("candidate", "auditing"),
        ("publish", "putting"),
    ):
        assert probed[moment] == "", f"{moment}: {probed[moment]}"


# Ends the process without a word, as a kill does, before anything is built of what was decided.
_DIE = """
import os
from pipelines.orchestration.progress import listen
listen(lambda step, message: os._exit(9) if step == "models" else None)
"""


@pytest.fixture(scope="module")
def decided_since(in_two_runs: tuple[CommandHome, list], tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A copy of that home, published a third time: after a late correction and a late address, a fix, a discarded row,
    a delivery that was withdrawn, and a steward's word on identity. dbt's tests hold on all of that at once.
    """
    home = in_two_runs[0].copied_to(tmp_path_factory.mktemp("decided_since") / "home")
    calls = next((home.folder / "inbox" / "call_center").glob("*20240110*"))
    calls.write_bytes(b"".join(calls.read_bytes().splitlines(keepends=True)[:-1]))
    held = re.search("[0-9a-f]{8}:[0-9]+", home.succeed("quarantine", "list", "--feed", "branch__customers"))
    assert held
    home.succeed("quarantine", "fix", held[0], "--set", "생년월일=19900131", "--reason", "seen")
    cut_off = re.search("[0-9a-f]{8}:[0-9]+", home.succeed("quarantine", "list", "--feed", "branch__transactions"))
    assert cut_off
    home.succeed("quarantine", "discard", cut_off[0], "--reason", "was cut off")
    home.succeed("retract", "dm__mailings", "2024-01-10", "--reason", "another printer's")
    deliver_late(home, "20240110")
    pair = home.ask(
        "select source_system || ':' || record_key from identity.records "
        "inner join state.identity_assignments using (record_id) where rule = 'own_key' order by 1 limit 2"
    )
    word = ("identity", "always", *(name for (name,) in pair), "--reason", "saw both cards")
    assert home.crmdw(*word, preamble=_DIE).returncode == 9
    # Publishes what was decided too.
    home.succeed("run")
    return home


def test_what_was_known_on_a_day_is_what_was_published_on_it(decided_since, tmp_path):
    home, out = decided_since, tmp_path / "then.duckdb"
    hashes = [row[0] for row in home.ask("select content_hash from ledger.publications order by published_at")]
    assert len(set(hashes)) == len(hashes) >= 3
    before, decisions = home.published_state(), home.ask("select count(*) from state.decisions")
    printed = home.succeed("run", "--as-of", "2024-01-20", "--out", str(out), preamble=UNTESTED)
    assert f"Its content is what was published then: content hash {hashes[0]}" in printed
    with duckdb.connect(str(out), read_only=True) as connection:
        assert content_hash(connection, "then") == hashes[0]
    assert (home.published_state(), home.ask("select count(*) from state.decisions")) == (before, decisions)
    assert [file.name for file in (home.folder / "scratch").iterdir()] in ([], ["spill"])


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--as-of", "2024-01-20"), "--as-of and --out go together"),
        (("--out", "then.duckdb"), "--as-of and --out go together"),
        (("--as-of", "2023-12-31", "--out", "then.duckdb"), "nothing was published until 2023-12-31"),
        (("--as-of", "2030-01-01", "--out", "home/published/then.duckdb"), "the folder of what is published now"),
        (("--as-of", "2030-01-01", "--out", "home/sources.yml"), "there is such a file already"),
        (("--as-of", "2030-01-01", "--out", "nowhere/then.duckdb"), "there is no such folder"),
    ],
)
def test_a_day_that_cannot_be_made_again_ends_with_2(copy, arguments, cause):
    done = copy.crmdw("run", *arguments)
    assert (done.returncode, cause in done.stderr) == (2, True), done.stderr


_MODULES = """
import atexit, json, os, sys
atexit.register(lambda: open(os.environ["MODULES"], "w").write(json.dumps(sorted(sys.modules))))
"""


def test_a_run_with_nothing_new_imports_neither_engine_and_changes_nothing(copy, tmp_path):
    before, runs = copy.published_state(), sorted(str(file) for file in (copy.folder / "dagster").rglob("*"))
    # Started by itself: other commands are forked from a process that has imported the engines.
    done = subprocess.run(
        [sys.executable, "-c", _MODULES + COMMAND, "run"],
        capture_output=True,
        text=True,
        check=False,
        env=copy.environment(MODULES=str(tmp_path / "modules.json")),
    )
    assert done.returncode == 0, done.stderr
    # In so small a company nobody has answered a campaign or told the call centre a consent: those feeds never came.
    assert "Nothing new; optional deliveries missing still, as published: 2; complete to 2024-01-31." in done.stdout
    imported = {name.split(".")[0] for name in json.loads((tmp_path / "modules.json").read_text())}
    assert "duckdb" in imported
    assert not imported & {"dagster", "great_expectations", "dbt", "pandas"}
    assert copy.published_state() == before
    assert sorted(str(file) for file in (copy.folder / "dagster").rglob("*")) == runs
    assert copy.ask("select count(*) from ledger.publications") == [(1,)]
