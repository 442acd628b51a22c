"""Measures one command as a whole process, from its start to its exit, together with all processes it starts.

What is measured, and against which target, is said by the scenarios.
"""

import os
import re
import resource
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_SAMPLE_SECONDS = 0.05
_STEP = re.compile(r"^\s*(?P<second>\d+\.\d) s  (?P<step>\w+): ", re.MULTILINE)


class CommandFailedError(RuntimeError):
    """The measured command did not exit with 0; the message ends with what it wrote."""


@dataclass(frozen=True)
class Measurement:
    """Wall-clock `seconds`, `processor_seconds`, `peak_bytes` of memory, and seconds per step the command tells of.

    Processor seconds, of all cores together, depend little on what else the machine does. Memory is the resident memory
    of the process and its descendants, added up, at the worst of all samples; what they share counts more than once.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int
    steps: dict[str, float]


def measure(command: list[str], environment: dict[str, str]) -> Measurement:
    """Run `command` to its end, with `environment` on top of this process's own.

    Raises CommandFailedError where it does not exit with 0.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output, tempfile.TemporaryFile("w+") as errors:
        started, spent = time.monotonic(), _processor_seconds()
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=errors)
        memory = _MemorySampler(process.pid)
        memory.start()
        code = process.wait()
        seconds = time.monotonic() - started
        peak = memory.stop()
        errors.seek(0)
        said = errors.read()
    if code:
        raise CommandFailedError(f"{' '.join(command)} exited with {code}:\n{said[-2000:]}")
    return Measurement(seconds, _processor_seconds() - spent, peak, _steps(said, seconds))


def _processor_seconds() -> float:
    """What the ended children of this process, and theirs, have used so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _steps(said: str, seconds: float) -> dict[str, float]:
    """Seconds per step: each lasts until the next one is announced, the last one until the exit."""
    found = [(match["step"], float(match["second"])) for match in _STEP.finditer(said)]
    if not found:
        return {}
    steps: dict[str, float] = {}
    for (step, begins), (_, ends) in pairwise([*found, ("", seconds)]):
        steps[step] = steps.get(step, 0.0) + max(ends - begins, 0.0)
    return steps


class _MemorySampler(threading.Thread):
    """Adds up the resident memory of a process and its descendants, time and again."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._ended = threading.Event()
        self._peak = 0

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, sum(_resident_bytes(member) for member in _descendants(self._process)))

    def stop(self) -> int:
        """The highest sum seen; where there is no /proc, the largest single child so far."""
        self._ended.set()
        self.join()
        return self._peak or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _descendants(process: int) -> list[int]:
    """`process` and all that it started, as far as they are still there."""
    found = [process]
    for member in found:
        # It may end while it is looked at.
        with suppress(OSError):
            for task in Path(f"/proc/{member}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
    return found


def _resident_bytes(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
