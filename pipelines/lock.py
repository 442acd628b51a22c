"""One writer per home: an operating-system file lock, taken once per command, that names its holder to who waits."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import LockedError
from pipelines.settings import Settings


@lru_cache(maxsize=8)
def _lock(path: Path) -> FileLock:
    # Not bound to a thread: a command takes it, and the job it then runs takes it again in the same process.
    return FileLock(path, thread_local=False)


@contextmanager
def writing(settings: Settings, what: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the home's lock for `what`, which others are shown.

    Waits up to `wait_seconds`; raises LockedError with the holder's command and process after that.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(settings.home / "warehouse.lock")
    holder = settings.home / "warehouse.lock.holder"
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise LockedError(
            f"{settings.home}: {_holder(holder)} is writing to this home",
            "wait until it ends, or give --wait SECONDS",
        ) from error
    try:
        if lock.lock_counter == 1:
            holder.write_text(json.dumps({"what": what, "process": os.getpid()}), encoding="utf-8")
        yield
    finally:
        if lock.lock_counter == 1:
            with suppress(FileNotFoundError):
                holder.unlink()
        lock.release()


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"“{held['what']}” (process {held['process']})"
    except (OSError, ValueError, KeyError):
        return "another command"
