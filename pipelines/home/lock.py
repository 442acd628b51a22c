"""One writer per home: an operating-system file lock, taken once per command, that names its holder to who waits."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import LockedError
from pipelines.settings import Settings

# Longer than any look at the home holds the lock: nobody is turned away because somebody has just looked.
_LOOK_SECONDS = 5.0


@lru_cache(maxsize=8)
def _lock(path: Path) -> FileLock:
    # Not bound to a thread: a command takes it, and the job it then runs takes it again in the same process.
    return FileLock(path, thread_local=False)


@contextmanager
def writing(settings: Settings, what: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the home's lock for `what`, which others are shown, with an empty scratch folder.

    Waits up to `wait_seconds`; raises LockedError with the holder's command and process after that.
    """
    holder = _holder_file(settings)
    with _locked(settings, wait_seconds) as is_first:
        try:
            if is_first:
                # What a killed writer left there may be personal data.
                shutil.rmtree(settings.scratch, ignore_errors=True)
                settings.scratch.mkdir(mode=0o700, exist_ok=True)
                holder.write_text(json.dumps({"what": what, "process": os.getpid()}), encoding="utf-8")
            yield
        finally:
            if is_first:
                with suppress(FileNotFoundError):
                    holder.unlink()


@contextmanager
def looking(settings: Settings) -> Iterator[None]:
    """Hold the home's lock for a moment in which nothing is written, unnamed. Other processes wait meanwhile.

    Raises LockedError at once where somebody is writing.
    """
    with _locked(settings, 0) as is_first:
        if is_first:
            # Of a writer that was killed.
            with suppress(FileNotFoundError):
                _holder_file(settings).unlink()
        yield


@contextmanager
def _locked(settings: Settings, wait_seconds: float) -> Iterator[bool]:
    """Hold the lock; gives whether this process did not hold it before."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(settings.home / "warehouse.lock")
    try:
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout:
            if _holder_file(settings).exists():
                raise
            lock.acquire(timeout=_LOOK_SECONDS)
    except Timeout as error:
        raise LockedError(
            f"{settings.home}: {_holder(_holder_file(settings))} is writing to this home",
            "wait until it ends, or give --wait SECONDS",
        ) from error
    try:
        yield lock.lock_counter == 1
    finally:
        lock.release()


def _holder_file(settings: Settings) -> Path:
    return settings.home / "warehouse.lock.holder"


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"“{held['what']}” (process {held['process']})"
    except (OSError, ValueError, KeyError):
        return "another command"
