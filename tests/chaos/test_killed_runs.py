"""A whole `crmdw run` killed at any moment: the published file is the old or the new one, the next run mends all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import duckdb
import pytest
from integration.homes import COMMAND, UNTESTED, WITHOUT_DBT, CommandHome, copied_inbox

from pipelines.publishing.content_hash import content_hash

from .contents import unaccounted
from .scale import SCALE, SEED

# At the n-th report of a step, or at an effect after it.
_KILL_AT_REPORT = """
import os, signal, sys
sys.path.insert(0, {folder!r})
from effects import Effects
from pipelines.orchestration.progress import listen
reports = []
def kill(step, message):
    reports.append(step)
    if reports.count({step!r}) == {report}:
        if {effect}:
            sys.setprofile(Effects({effect}, 0))
        else:
            os.kill(os.getpid(), signal.SIGKILL)
listen(kill)
"""

STEPS = ["branch__customers", "branch__transactions", "ledger", "models", "candidate", "publish"]


def kill(home: CommandHome, step: str, report: int = 1, effect: int = 0) -> int:
    """Run `crmdw run` and kill it, and what it has started; its exit code."""
    preamble = _KILL_AT_REPORT.format(folder=str(Path(__file__).parent), step=step, report=report, effect=effect)
    if step != "models":
        # While models are built, each test reports: those are the moments to be killed at.
        preamble = UNTESTED + preamble
    with subprocess.Popen(
        [sys.executable, "-c", preamble + COMMAND, "run"],
        cwd=home.folder.parent,
        env=home.environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        code = process.wait(timeout=600)
        # What it started is killed with it, as when the power fails; on a busy machine that takes its time to end.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                os.killpg(process.pid, 0)
                time.sleep(0.05)
    return code


def published_hash(home: CommandHome) -> str | None:
    """The content of the published file, found by reading all of it; None where there is none."""
    if not home.published.exists():
        return None
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.published}' as published (read_only)")
        return content_hash(connection, "published")


@pytest.fixture
def unbuilt(built: CommandHome, tmp_path: Path) -> CommandHome:
    """The same home before its marts were built, with another published file of the day before."""
    home = built.copied_to(tmp_path / "home")
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("delete from ledger.publications")
    # The copy of what was published would tell that the warehouse is not the one it was.
    (home.folder / "state" / "publications.parquet").unlink()
    home.published.chmod(0o644)
    with duckdb.connect(str(home.published)) as published:
        published.execute("delete from marts.mart_rfm")
    home.published.chmod(0o444)
    return home


def test_a_run_killed_while_dbt_builds_and_again_while_it_publishes_is_finished_by_the_next(built, unbuilt):
    random = Random(f"{SEED} killed run")
    before, old = unbuilt.published_state(), published_hash(unbuilt)
    assert old != built.content_hash()
    assert kill(unbuilt, "models", report=random.randint(2, 20)) == -signal.SIGKILL
    assert unbuilt.published_state() == before
    assert kill(unbuilt, "publish", effect=random.randint(1, 30)) == -signal.SIGKILL
    assert unbuilt.published_state() == before or published_hash(unbuilt) == built.content_hash()
    # dbt had come to its end, and what it built may be in place.
    unbuilt.succeed("publish", preamble=WITHOUT_DBT if unbuilt.candidate.exists() else UNTESTED)
    assert published_hash(unbuilt) == built.content_hash()
    assert unaccounted(unbuilt.folder) == []


@pytest.mark.long
@pytest.mark.parametrize("number", range(2 * SCALE))
def test_a_first_run_killed_at_any_moment_is_finished_by_the_next(built, tmp_path, number):
    random = Random(f"{SEED} {number}")
    home = copied_inbox(built, tmp_path / "home", built)
    shutil.copytree(built.folder / "inbox", home.folder / "inbox")
    step = STEPS[number % len(STEPS)]
    effect = 0 if step == "models" else random.choice([1, 5, 20, random.randint(1, 300)])
    code = kill(home, step, report=random.randint(1, 60) if step == "models" else 1, effect=effect)
    assert code in (-signal.SIGKILL, 0)
    assert published_hash(home) in (None, built.content_hash())
    assert unaccounted(home.folder) == []
    home.succeed("run", preamble=UNTESTED)
    assert published_hash(home) == built.content_hash()
