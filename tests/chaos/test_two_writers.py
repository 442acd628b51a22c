"""Commands at once on one home: one works, the others wait or are told who holds it, and nothing is done twice."""

from __future__ import annotations

import time
from pathlib import Path

from integration.homes import COMMAND, CommandHome, keep_parsed
from integration.processes import Program, begin_program
from loading_home import LoadingHome

from pipelines.errors import ExitCode
from pipelines.settings import Settings

from .contents import Content, content, differences, unaccounted

FEED = "branch__customers"

# The first command waits while it holds the home, until the test has seen what becomes of the others.
_HOLD = """
import time
from pathlib import Path
from pipelines.orchestration.progress import listen
def hold(step, message):
    if step == {feed!r} and not Path({released!r}).exists():
        Path({held!r}).touch()
        while not Path({released!r}).exists():
            time.sleep(0.05)
listen(hold)
"""

_DAGSTER_JOB = """
from dagster import DagsterInstance
from pipelines.orchestration.preparation import prepare
from pipelines.settings import Settings
prepare(Settings.from_environment())
from pipelines.definitions import defs
print("preparing is over", flush=True)
with DagsterInstance.get() as instance:
    defs.resolve_job_def("warehouse").execute_in_process(instance=instance, raise_on_error=False)
"""


def delivered(folder: Path, parsed: CommandHome) -> CommandHome:
    """A home whose required feed lacks its second day: a run loads, and ends before it builds the marts."""
    folder.mkdir(mode=0o700)
    loading = LoadingHome(Settings(folder, folder / "sources.yml", "1GB", 2, 3))
    loading.add_source(
        FEED, "customers_{date:%Y%m%d}.csv", {"customer_key": "번호", "birth_date": "생일"}, codec="utf-8"
    )
    rows = "".join(f"K{key},1990-01-31\n" for key in range(60))
    loading.deliver("customers_20240101.csv", f"번호,생일\n{rows}W1,1990-02-31\n")
    loading.sources_file()
    home = CommandHome(folder)
    keep_parsed(parsed, home)
    return home


def rows_of(home: CommandHome) -> Content:
    """What a home holds, without the ledger, which tells of every load."""
    return {name: rows for name, rows in content(home.folder).items() if not name.startswith(("ledger.", "state."))}


def begin(home: CommandHome, *arguments: str, program: str = COMMAND) -> Program:
    return begin_program(program, arguments, home.folder.parent, home.environment())


def wait_for(path: Path, process: Program) -> None:
    last = time.monotonic() + 180
    while not path.exists():
        assert process.poll() is None, process.end()
        assert time.monotonic() < last, f"{path.name} did not come"
        time.sleep(0.05)


def test_while_one_command_writes_the_others_wait_or_are_told_who_holds_the_home(built, tmp_path):
    home, alone = delivered(tmp_path / "home", built), delivered(tmp_path / "alone", built)
    held, released = tmp_path / "held", tmp_path / "released"
    today = ("--today", "2024-01-05")
    hold = _HOLD.format(feed=FEED, held=str(held), released=str(released))
    first = begin(home, "run", *today, program=hold + COMMAND)
    wait_for(held, first)
    days = ("--from", "2024-01-01", "--to", "2024-01-31")
    waiting = [
        begin(home, "run", "--wait", "500", *today),
        begin(home, "backfill", *days, "--wait", "500", *today),
        begin(home, program=_DAGSTER_JOB),
    ]
    turned_away = [home.crmdw("run", *today), home.crmdw("backfill", *days, *today)]
    for done in turned_away:
        assert done.returncode == ExitCode.LOCKED, done.stderr
        assert f"“crmdw run” (process {first.pid}) is writing to this home" in done.stderr
        assert "Remedy: wait until it ends" in done.stderr
    assert [process.poll() for process in (first, *waiting)] == [None] * 4, "the others wait"
    released.touch()
    ends = [process.end(seconds=500) for process in (first, *waiting)]
    assert [done.returncode for done in ends] == [ExitCode.INCOMPLETE] * 3 + [0], ends
    assert alone.crmdw("run", *today).returncode == ExitCode.INCOMPLETE
    assert differences(rows_of(home), rows_of(alone)) == []
    assert unaccounted(home.folder) == []
    loads = home.ask("select rows_read, rows_loaded, rows_quarantined from ledger.loads where is_current")
    assert loads == [(61, 60, 1)]
