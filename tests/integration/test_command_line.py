"""The command as a person meets it: help, exit codes, errors that name cause and remedy, backfill, status, doctor."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import duckdb
import pytest

from pipelines.errors import EXIT_CODE_MEANINGS

from .homes import UNTESTED, WITHOUT_DBT, CommandHome, keep_parsed

COMMANDS = (
    *(
        "init",
        "simulate",
        "run",
        "backfill",
        "publish",
        "retract",
        "rebuild",
        "erase",
        "prune",
        "status",
        "ui",
        "doctor",
    ),
    *(f"quarantine {name}" for name in ("list", "show", "fix", "discard", "replay")),
    *(f"identity {name}" for name in ("show", "why", "events", "review", "always", "never", "undo", "train")),
    *("consent show", "person show", "person log"),
    "quality report",
)


def test_every_command_has_help_with_an_example(copy):
    overview = copy.succeed("--help")
    # One process asks for all of them, because each start takes as long as the answer.
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom pipelines.commands.main import app\n"
        "for name in sys.argv[1:]: print('@@' + name, CliRunner().invoke(app, [*name.split(), '--help']).output)\n"
    )
    listed = set(re.findall(r"^│ ([a-z]+) ", overview.split("Set up", 1)[1], re.MULTILINE))
    assert listed == {name.split()[0] for name in COMMANDS}
    helps = copy.python(program, *COMMANDS).stdout.split("@@")[1:]
    assert len(helps) == len(COMMANDS)
    for name, text in zip(COMMANDS, helps, strict=True):
        assert text.startswith(name)
        assert f"Example: crmdw {name}" in text


def test_the_help_documents_every_exit_code(copy):
    text = " ".join(copy.succeed("--help").split())
    for code, meaning in EXIT_CODE_MEANINGS.items():
        assert f"{code.value} {meaning}" in text


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("format: csv", "format: cvs", "format"),
        ("codec: cp949", "codec: cp-korea", "codec"),
        ("customer_key: 고객번호", "custmer_key: 고객번호", "custmer_key"),
    ],
)
def test_a_wrong_sources_file_ends_with_2_and_names_file_and_line(copy, before, after, named):
    text = copy.sources_file.read_text(encoding="utf-8")
    line = text[: text.index(before)].count("\n") + 1
    copy.sources_file.write_text(text.replace(before, after, 1), encoding="utf-8")
    done = copy.crmdw("run")
    assert done.returncode == 2, done.stderr
    assert f"{copy.sources_file}:{line}: " in done.stderr
    assert named in done.stderr
    assert "Remedy: mend these lines" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_has_a_traceback_only_when_it_is_asked_for(copy):
    copy.sources_file.unlink()
    done = copy.crmdw("run")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "there is no sources file" in done.stderr
    assert "Traceback" in copy.crmdw("--verbose", "run").stderr


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("backfill", "--from", "2024-02-01", "--to", "2024-01-01"), "--to 2024-01-01 is before --from 2024-02-01"),
        (("backfill", "--from", "2024-01-01", "--to", "2024-01-01", "--feed", "calls"), "there is no such feed"),
        (("simulate", "--customers", "60"), "it is there already"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_touches_nothing(copy, arguments, cause):
    before = copy.published_state()
    done = copy.crmdw(*arguments)
    assert done.returncode == 2, done.stderr
    assert cause in done.stderr
    assert "Remedy: " in done.stderr
    assert copy.published_state() == before


_HOLD = """
import sys
from pipelines.home.lock import writing
from pipelines.settings import Settings
with writing(Settings.from_environment(), "crmdw backfill"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_home_that_another_command_holds_ends_with_7_and_names_the_holder(copy):
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=copy.environment()
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        done = {name: copy.crmdw(name) for name in ("run", "doctor", "status")}
        holder.stdin.close()
    assert done["run"].returncode == 7
    assert f"“crmdw backfill” (process {holder.pid}) is writing to this home" in done["run"].stderr
    assert "--wait SECONDS" in done["run"].stderr
    assert f"process {holder.pid}" in done["doctor"].stdout
    assert (done["status"].returncode, done["status"].stderr.count("\n")) == (7, 1), done["status"].stderr
    assert f"process {holder.pid}) is writing to this home; ask again" in done["status"].stderr
    assert copy.crmdw("run").returncode == 0, "the lock ends with its holder"


def test_a_warehouse_that_another_program_has_open_ends_with_7_and_names_its_process(copy):
    with duckdb.connect(str(copy.warehouse)):
        done = copy.crmdw("run")
    assert done.returncode == 7, done.stderr
    assert f"{copy.warehouse}: the file is open in another program, process {os.getpid()}" in done.stderr
    assert "close it there" in done.stderr
    assert "Traceback" not in done.stderr


# A reader of the warehouse who comes when dbt is about to open it, and stays until the command has ended.
_READ_DURING_BUILD = """
import os, subprocess, sys
from pipelines.orchestration.progress import listen

READ = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(os.getpid(), flush=True); "
READ += "sys.stdin.read()"

def read(step, message):
    global reader
    if message == "starting dbt":
        command = [sys.executable, "-c", READ, os.environ["CRMDW_HOME"] + "/warehouse.duckdb"]
        reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print("reader", reader.stdout.readline())

listen(read)
"""


def test_a_reader_of_the_warehouse_who_keeps_dbt_out_ends_the_run_with_7_and_is_named(copy):
    before = copy.published_state()
    done = copy.crmdw("publish", preamble=_READ_DURING_BUILD)
    assert done.returncode == 7, done.stderr
    assert re.search(r"warehouse.duckdb: the file is open in another program, process \d+", done.stderr)
    assert "close it there" in done.stderr
    assert "Traceback" not in done.stderr
    assert copy.published_state() == before


_NO_SUMMARY = """
import pipelines.commands.summary

def fail(console, settings, seconds):
    assert (settings.home / "warehouse.lock.holder").exists(), "the summary is read while nobody else can write"
    raise OSError("no summary today")

pipelines.commands.summary.show_summary = fail
"""


def test_a_summary_that_cannot_be_shown_does_not_fail_the_run(copy):
    done = copy.crmdw("run", preamble=_NO_SUMMARY)
    assert done.returncode == 0, done.stderr
    assert "the summary cannot be shown: no summary today" in done.stderr


def test_a_run_where_no_file_fits_starts_no_job_and_says_where_to_look(built, tmp_path):
    home = CommandHome(tmp_path / "home")
    home.folder.mkdir(mode=0o700)
    keep_parsed(built, home)
    listed = home.succeed("init")
    assert f"crmdw --home {home.folder} doctor" in listed
    printed = home.succeed("run", "--today", "2020-01-01")
    assert f"No file fits any source; see {listed.splitlines()[2].strip()}" in " ".join(printed.split())
    overdue = home.crmdw("run", "--today", "2099-01-01")
    assert overdue.returncode == 3, overdue.stderr
    assert "is overdue" in overdue.stderr
    assert not home.warehouse.exists()


def test_the_options_of_every_command_may_follow_it(copy, tmp_path):
    other = tmp_path / "another"
    for arguments in (("run", "--home", str(other)), ("--verbose", "run", f"--home={other}"), ("run", "--verbose")):
        if "--home" not in " ".join(arguments):
            copy.sources_file.unlink()
        done = copy.crmdw(*arguments)
        assert done.returncode != 0
        assert (str(other) in done.stderr) == (str(other) in " ".join(arguments))
        assert ("Traceback" in done.stderr) == ("--verbose" in arguments)


def test_an_overdue_required_file_ends_with_3_and_names_what_is_expected_where(copy):
    copy.end_never("branch__transactions")
    before = copy.published_state()
    done = copy.crmdw("run", "--today", "2024-02-03")
    assert done.returncode == 3, done.stderr
    for day in ("2024-02-01", "2024-02-02"):
        assert f"branch branch__transactions: the delivery for {day} is overdue" in done.stderr
    assert "2024-02-03" not in done.stderr, "today's delivery is due tomorrow"
    assert "inbox/branch/transactions_{date:%Y%m%d}.csv" in done.stderr
    assert "Remedy: deliver" in done.stderr
    assert copy.published_state() == before


# Ends the process without a word, as a kill does, when one feed is about to be written.
_DIE = """
import os
from pipelines.orchestration.progress import listen
listen(lambda step, message: os._exit(9) if (step, message) == ("branch__transactions", "writing") else None)
"""
_LOADS = "select feed, delivery_date::varchar, batch_id, run_id, rows_loaded from ledger.loads"


@dataclass(frozen=True)
class Backfilled:
    """A home in which days were loaded again twice: one feed's alone, then all feeds', stopped and gone on with.

    `loads` are the ledger's lines between the two, `printed` is what the command said that went on.
    """

    home: CommandHome
    loads: list[tuple]
    printed: str


@pytest.fixture(scope="module")
def backfilled(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> Backfilled:
    """Three days were loaded again; the source of one of them is gone since."""
    home = built.copied_to(tmp_path_factory.mktemp("backfilled") / "home")
    home.inbox_file("branch/transactions_20240111.csv").unlink()
    days = ("--from", "2024-01-10", "--to", "2024-01-12")
    home.succeed("backfill", *days, "--feed", "branch__transactions", preamble=WITHOUT_DBT)
    loads = home.ask(_LOADS)
    assert home.crmdw("backfill", *days, preamble=_DIE).returncode == 9
    return Backfilled(home, loads, home.succeed("backfill", *days, preamble=UNTESTED))


def test_a_backfill_loads_its_range_of_its_feed_again_and_nothing_else(built, backfilled):
    rows = backfilled.loads
    old = {tuple(row[:3]): row[3:] for row in built.ask(_LOADS)}
    assert {tuple(row[:3]) for row in rows} == set(old), "the batches are the same"
    again = sorted(row[:2] for row in rows if row[3] != old[tuple(row[:3])][0])
    assert again == [("branch__transactions", f"2024-01-{day}") for day in (10, 11, 12)]
    assert all(row[4] == old[tuple(row[:3])][1] for row in rows)


def test_a_backfill_gives_the_same_content(built, backfilled):
    assert backfilled.home.ask("select count(*) from ledger.publications") == [(3,)]
    assert backfilled.home.content_hash() == built.content_hash()


def test_an_interrupted_backfill_goes_on_with_the_feeds_not_yet_done(backfilled):
    done = re.search(r"Going on after an interruption; done already: ([a-z_, ]+)", backfilled.printed)
    assert done and "branch__customers" in done[1] and "branch__transactions" not in done[1]
    times = (
        "select distinct count(*) from ledger.loads where feed = ? and delivery_date = '2024-01-11' group by batch_id"
    )
    for feed, loads in (("branch__customers", 2), ("branch__transactions", 3)):
        assert backfilled.home.ask(times, [feed]) == [(loads,)], "each batch was loaded once more"
    assert not (backfilled.home.folder / "backfill.json").exists()


def test_status_shows_what_is_loaded_what_waits_and_what_is_missing(copy):
    before = copy.published_state()
    waiting = copy.inbox_file("branch/transactions_20240121.csv")
    waiting.write_bytes(waiting.read_bytes() + waiting.read_bytes().splitlines(keepends=True)[-1])
    copy.end_never("call_center__calls")
    text = copy.succeed("status", "--today", "2024-02-03")
    assert re.search(r"branch__transactions\W+branch\W+\d+\W+0\W+2024-01-0\d\W+2024-01-31\W+\d+\W+1\b", text)
    assert "complete to 2024-01-31; 1 deliveries waiting" in text
    assert re.search(r"read [\d,]+ = loaded [\d,]+ \+ quarantined 2 \+ duplicate 1 \+ unchanged 0 \+ blocked 0", text)
    assert (
        "optional, missing or refused: call_center call_center__calls: the delivery for 2024-02-01 is overdue" in text
    )
    assert copy.published_state() == before


def test_the_doctor_finds_nothing_wrong_with_a_good_home(copy):
    text = copy.succeed("doctor")
    assert "fault" not in text
    for part in ("duckdb", "great-expectations", "mode 700", "nobody is writing", "20 sources", "crm.duckdb"):
        assert part in text


def test_the_doctor_finds_a_stray_log_an_open_home_and_a_source_without_files(copy):
    copy.published.with_name("crm.duckdb.wal").write_bytes(b"log")
    copy.folder.chmod(0o755)
    text = copy.sources_file.read_text(encoding="utf-8")
    copy.sources_file.write_text(text.replace("branch/transactions_", "elsewhere/transactions_"), encoding="utf-8")
    done = copy.crmdw("doctor")
    assert done.returncode == 1
    faults = [line for line in done.stdout.splitlines() if line.startswith("fault")]
    assert len(faults) == 3
    assert any("mode 755" in fault for fault in faults)
    assert any("crm.duckdb.wal: a program opened the published file for writing" in fault for fault in faults)
    assert any("branch__transactions from branch: 0 files fit" in fault for fault in faults)
    assert done.stdout.count("Remedy: ") == 3
