"""Prints at the end of a run what each file of tests cost, in wall and processor seconds, the dearest first.

Where the wall shows much more than the processor, a file waits: for the disk, a lock, a process, or other tests.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TICK = os.sysconf("SC_CLK_TCK")
FILES_SHOWN = 40


@dataclass
class Clock:
    """Of one process that runs tests: file -> its seconds so far, and where the file that is running began."""

    wall: Counter[str]
    processor: Counter[str]
    began: tuple[float, float] | None = None

    def start(self) -> None:
        self.began = time.monotonic(), processor_seconds()

    def stop(self, file: str) -> None:
        assert self.began
        self.wall[file] += time.monotonic() - self.began[0]
        self.processor[file] += processor_seconds() - self.began[1]
        self.began = None


CLOCK = Clock(Counter(), Counter())
BEGAN = time.monotonic()


def processor_seconds() -> float:
    """Of this process and all its descendants, also of those that live on, such as a server that forks for each test.

    The kernel adds a process's ticks to its parent's when the parent waits for it. What outlives its parent is lost:
    a web server's helpers, once the server is stopped.
    """
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(path.parent.name)
        children.setdefault(int(fields[1]), []).append(process)
        ticks[process] = sum(map(int, fields[11:15]))
    if not ticks:
        return sum(os.times()[:4])
    waiting, total = [os.getpid()], 0
    while waiting:
        process = waiting.pop()
        total += ticks.get(process, 0)
        waiting += children.get(process, [])
    return total / TICK


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    # All processes are looked at where a file begins and ends, since that takes milliseconds.
    if CLOCK.began is None:
        CLOCK.start()
    outcome = yield
    if nextitem is None or nextitem.path != item.path:
        CLOCK.stop(item.nodeid.split("::")[0])
    return outcome


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["clock"] = [dict(CLOCK.wall), dict(CLOCK.processor), processor_seconds()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a process of pytest-xdist has measured; one that has died has nothing to say."""
    if told := getattr(node, "workeroutput", {}).get("clock"):
        CLOCK.wall.update(told[0])
        CLOCK.processor.update(told[1])
        CLOCK.processor[""] += told[2]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    files = [file for file, _ in CLOCK.processor.most_common() if file]
    if not files:
        return
    terminalreporter.section("seconds of each file")
    terminalreporter.write_line("     wall  processor")
    for file in files[:FILES_SHOWN]:
        terminalreporter.write_line(f"{CLOCK.wall[file]:9.1f}  {CLOCK.processor[file]:9.1f}  {file}")
    rest = files[FILES_SHOWN:]
    wall, processor = (sum(seconds[file] for file in rest) for seconds in (CLOCK.wall, CLOCK.processor))
    terminalreporter.write_line(f"{wall:9.1f}  {processor:9.1f}  {len(rest)} other files")
    wall, processor = (sum(seconds[file] for file in files) for seconds in (CLOCK.wall, CLOCK.processor))
    terminalreporter.write_line(f"{wall:9.1f}  {processor:9.1f}  all files, one after the other")
    # The processes of pytest-xdist have told theirs, which the kernel has added to this one's when they ended.
    own = sum(os.times()[:2]) if CLOCK.processor[""] else processor_seconds()
    wall, processor = time.monotonic() - BEGAN, CLOCK.processor[""] + own
    terminalreporter.write_line(f"{wall:9.1f}  {processor:9.1f}  the run, with its start and the search for tests")
