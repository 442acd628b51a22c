"""What to tell a person when the disk is full or memory runs out while the home is written to."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines.errors import WarehouseError
from pipelines.settings import Settings

_FULL = {errno.ENOSPC: "No space left", errno.EDQUOT: "quota exceeded", errno.EFBIG: "File too large"}


def is_disk_full(error: Exception) -> bool:
    """Whether an error of DuckDB or of the operating system is that of a disk that takes no more."""
    return getattr(error, "errno", None) in _FULL or any(text in str(error) for text in _FULL.values())


def free_megabytes(settings: Settings) -> int:
    """The room left on the home's disk."""
    return shutil.disk_usage(settings.home).free // (1 << 20)


@contextmanager
def telling_shortage(settings: Settings, what: str) -> Iterator[None]:
    """Turns a full disk or exhausted memory while `what` is done into a WarehouseError with its remedy."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(
            f"{what}: DuckDB's memory limit of {settings.memory_limit} is not enough, and nothing was changed",
            "set CRMDW_MEMORY_LIMIT higher, or free room for scratch files in the home, and run again",
        ) from error
    except (duckdb.Error, OSError) as error:
        if not is_disk_full(error):
            raise
        raise WarehouseError(
            f"{what}: the disk is full ({free_megabytes(settings)} MB free in {settings.home}), nothing was changed",
            "make room and run again; what was loaded before is still there",
        ) from error


def remedy_for_models(message: str, run_id: str) -> str:
    """What a person can do about models that dbt could not build, by what it printed."""
    if "Out of Memory Error" in message:
        return "set CRMDW_MEMORY_LIMIT higher, such as 4GB, and run again; the published file stays what it was"
    if is_disk_full(Exception(message)):
        return "make room and run again; the published file stays what it was"
    return f"see the run {run_id} in `crmdw ui`; the published file stays what it was"
