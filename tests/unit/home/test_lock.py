"""One writer per home: who waits is told who holds it, and a holder's end, however it ends, frees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.errors import ExitCode, LockedError
from pipelines.home.lock import looking, writing

_HOLD = """
import sys
from pathlib import Path
from pipelines.home.lock import looking, writing
from pipelines.settings import Settings
home = Path(sys.argv[1])
settings = Settings(home, home / "sources.yml", "1GB", 2, 3)
with looking(settings) if "looking" in sys.argv else writing(settings, "crmdw backfill"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _another_process_writing(folder: object, *arguments: str) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield process


def test_who_finds_the_home_locked_is_told_the_holder_s_command_and_process(home):
    with (
        _another_process_writing(home.settings.home) as holder,
        pytest.raises(LockedError) as caught,
        writing(home.settings, "crmdw run"),
    ):
        pass
    assert f"“crmdw backfill” (process {holder.pid}) is writing to this home" in caught.value.cause
    assert "--wait" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.LOCKED


def test_a_locked_out_command_leaves_the_holder_s_name_in_place(home):
    with _another_process_writing(home.settings.home) as holder:
        for _ in range(2):
            with pytest.raises(LockedError, match=f"process {holder.pid}"), writing(home.settings, "crmdw run"):
                pass


def test_who_waits_gets_the_home_when_the_holder_ends(home):
    with _another_process_writing(home.settings.home) as holder:
        holder.stdin.close()
        with writing(home.settings, "crmdw run", wait_seconds=30):
            assert holder.wait(timeout=30) == 0


def test_a_killed_holder_does_not_keep_the_home(home):
    with _another_process_writing(home.settings.home) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with writing(home.settings, "crmdw run"):
        held = (home.settings.home / "warehouse.lock.holder").read_text(encoding="utf-8")
        assert f'"process": {os.getpid()}' in held


def test_the_job_of_a_command_may_take_the_lock_the_command_holds(home):
    holder = home.settings.home / "warehouse.lock.holder"
    with writing(home.settings, "crmdw run"):
        with writing(home.settings, "Dagster job warehouse"):
            assert "crmdw run" in holder.read_text(encoding="utf-8"), "others are shown the command, not its job"
        assert holder.exists()
    assert not holder.exists()


def test_an_error_under_the_lock_frees_it(home):
    with pytest.raises(ZeroDivisionError), writing(home.settings, "crmdw run"):
        raise ZeroDivisionError
    with _another_process_writing(home.settings.home):
        pass


def test_two_homes_have_two_locks(new_home):
    with _another_process_writing(new_home().settings.home), writing(new_home().settings, "crmdw run"):
        pass


def test_who_looks_is_turned_away_at_once_by_a_writer(home):
    with (
        _another_process_writing(home.settings.home) as holder,
        pytest.raises(LockedError, match=f"process {holder.pid}"),
        looking(home.settings),
    ):
        pass


def test_a_writer_who_does_not_wait_is_not_turned_away_by_a_look(home):
    with _another_process_writing(home.settings.home, "looking") as looker:
        looker.stdin.close()
        with writing(home.settings, "crmdw run"):
            assert looker.wait(timeout=30) == 0


def test_a_look_forgets_the_name_of_a_killed_writer(home):
    with _another_process_writing(home.settings.home) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with looking(home.settings):
        assert not (home.settings.home / "warehouse.lock.holder").exists()
