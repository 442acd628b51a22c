"""Kills the process it runs in at its k-th effect.

An effect is a call into DuckDB from the project's code, or a change to a folder, when it begins and when it has ended.
"""

import os
import signal
from typing import Any

FOLDER_CHANGES = {"chmod", "link", "mkdir", "remove", "rename", "replace", "rmdir", "unlink"}
QUESTIONS = {"fetchone", "fetchall"}


class Effects:
    """Counts effects, and kills the process at one of them, or `delay` seconds after it has begun."""

    def __init__(self, kill_at: int | None, delay: float) -> None:
        self.count = 0
        self.kill_at = kill_at
        self.delay = delay

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        if not event.startswith("c_") or not self._is_effect(frame, argument):
            return
        self.count += 1
        if self.count == self.kill_at:
            if not self.delay:
                os.kill(os.getpid(), signal.SIGKILL)
            # The default action of this signal ends the process as abruptly, also inside DuckDB.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, self.delay)

    @staticmethod
    def _is_effect(frame: Any, function: Any) -> bool:
        module = getattr(function, "__module__", None)
        if module == "posix":
            return function.__name__ in FOLDER_CHANGES
        is_own = frame.f_globals.get("__name__", "").startswith("pipelines.")
        return is_own and module == "_duckdb" and function.__name__ not in QUESTIONS
