"""A full disk while a load archives, gates or commits: a clear error, nothing half done, and all is well with room.

The home stands on a small disk of its own, filled but for a few kilobytes; where none can be mounted, no file may grow
beyond a limit.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from loading_home import LoadingHome

from pipelines.errors import WarehouseError

from .contents import Content, content, differences, leftovers, unaccounted
from .scale import SCALE, sweep

FEED = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
DISK = 64 << 20
STEPS = 6 * SCALE


def customer_file(first: int, count: int) -> str:
    rows = (f"K{key},김은경{key * 7919},19{key % 80:02}-01-31\n" for key in range(first, first + count))
    return "번호,이름,생일\n" + "".join(rows)


def prepared(home: LoadingHome) -> LoadingHome:
    """Home with a day loaded, a correction of it and a new day delivered."""
    home.add_source(FEED, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    home.deliver("customers_20240101.csv", customer_file(0, 2000), codec="cp949")
    home.load(FEED)
    home.deliver("customers_20240101.csv", customer_file(10, 4000), codec="cp949")
    home.deliver("customers_20240102.csv", customer_file(0, 20000), codec="cp949")
    return home


@dataclass(frozen=True)
class Start:
    """A home before a load, and what it holds after it."""

    home: LoadingHome
    expected: Content


def copied(home: LoadingHome, folder: Path) -> LoadingHome:
    shutil.copytree(home.settings.home, folder, dirs_exist_ok=True)
    return replace(home, settings=replace(home.settings, home=folder, sources_file=folder / "sources.yml"))


@pytest.fixture(scope="module")
def start(new_home, tmp_path_factory) -> Start:
    home = prepared(new_home())
    undisturbed = copied(home, tmp_path_factory.mktemp("undisturbed") / "home")
    undisturbed.load(FEED)
    return Start(home, content(undisturbed.settings.home))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, but_for: int) -> Iterator[None]:
    """The disk of `folder` has that many bytes left."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - but_for)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file may grow beyond `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def load_where_it_is_full(home: LoadingHome) -> str | None:
    """The error of a load for which there may be too little room; None where there was enough."""
    try:
        home.load(FEED)
    except WarehouseError as error:
        return str(error)
    return None


def assert_recovers(home: LoadingHome, error: str | None, start: Start) -> None:
    """The error is clear, and the next load gives what an undisturbed one does."""
    if error:
        assert re.search(r"(?s)disk is full.*MB free.*Remedy: make room", error), error
    assert unaccounted(home.settings.home) == []
    home.load(FEED)
    assert differences(content(home.settings.home), start.expected) == []
    assert leftovers(home.settings.home) == []


# The first finds no room for anything; the last have enough for the archive and for spilling, not for the commit.
@pytest.mark.parametrize("step", sweep(STEPS, 0))
def test_a_load_on_a_full_disk_says_so_and_is_repeated_when_there_is_room(start, small_disk, step):
    home = copied(start.home, small_disk / "home")
    with filled(small_disk, but_for=(4 << 10) + step * (20 << 20) // STEPS):
        error = load_where_it_is_full(home)
    assert step or error, "the disk was full"
    assert_recovers(home, error, start)


@pytest.mark.parametrize("size", [100_000, 600_000, 1_500_000])
def test_a_load_that_may_not_write_large_files_says_so_and_is_repeated(start, tmp_path, size):
    home = copied(start.home, tmp_path / "home")
    with limited(size):
        error = load_where_it_is_full(home)
    assert error
    assert_recovers(home, error, start)
