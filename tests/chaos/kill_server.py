"""Runs loads and commands in processes that are killed at their k-th effect. A program: requests come as lines of JSON.

It imports what is slow once and forks for every request, so that a kill costs a second and not ten.
"""

import json
import os
import signal
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

from effects import Effects

import expectations.batches  # noqa: F401 (Great Expectations, which every load would import)
import pipelines.gate.verdicts  # noqa: F401
from pipelines.commands.main import main
from pipelines.connections import connected
from pipelines.ledger.decisions import Author
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_feed
from pipelines.loading.reload import Reload
from pipelines.privacy import erasure
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.replay.rebuild import rebuild
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

TIMEOUT_SECONDS = 240


def quiet(step: str, message: str) -> None:
    """Progress that nobody looks at."""


def act(request: dict[str, Any]) -> None:
    """Load `feed`, erase customers, make the warehouse anew, or run the `crmdw` command `arguments`, in a home."""
    home = Path(request["home"])
    if arguments := request.get("arguments"):
        os.environ["CRMDW_HOME"] = str(home)
        sys.argv = ["crmdw", *arguments]
        main()
        return
    settings = Settings(home, home / "sources.yml", "1GB", 2, 3)
    if request.get("rebuild"):
        rebuild(settings, load_sources_file(settings.sources_file), "rebuild", quiet)
        return
    if customers := request.get("erase"):
        sources_file = load_sources_file(settings.sources_file)
        settings.scratch.mkdir(exist_ok=True)
        planned = erasure.plan(settings, sources_file, customers, quiet)
        erasure.begin(settings, planned, Author("officer", datetime(2024, 6, 30, 9), "request"), date(2024, 6, 30))
        erasure.finish(settings, sources_file, quiet)
        return
    if request.get("finish"):
        finish_interrupted(settings)
        return
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
    reload = Reload() if request.get("reload") else None
    load_feed(settings, load_sources_file(settings.sources_file), request["feed"], "run", reload)


def in_child(request: dict[str, Any], report: int) -> None:
    """Do what is asked and write the number of effects into `report`."""
    effects = Effects(request.get("kill_at"), request.get("delay", 0))
    # What the act prints must not be taken for this program's answers.
    os.dup2(2, 1)
    sys.setprofile(effects)
    code = 0
    try:
        act(request)
    except SystemExit as ending:
        code = int(ending.code or 0)
    except BaseException:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        code = 70
    finally:
        sys.setprofile(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(report, str(effects.count).encode())
        os._exit(code)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The `code` of the process, negative for a signal, and its `effects` where it was not killed."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        in_child(request, writing)
    os.close(writing)
    last = time.monotonic() + TIMEOUT_SECONDS
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > last:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return {"code": None, "effects": 0}
        time.sleep(0.01)
    with os.fdopen(reading) as file:
        return {"code": os.waitstatus_to_exitcode(status), "effects": int(file.read() or 0)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
