"""A file that is replaced, cut, added to or deleted while it is read: one consistent content is loaded, or none yet.

The change happens between two reads of the file. What a load makes of the file's bytes is found by opening the file as
the load does, whatever opens it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loading_home import LoadingHome

from .contents import unaccounted

FEED = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
ROWS = 3000
PIECE = 20_000
"""Bytes that one read gives: several make a file."""


def file_of(name: str, rows: int = ROWS) -> bytes:
    return ("번호,이름,생일\n" + "".join(f"K{row},{name},1990-01-31\n" for row in range(rows))).encode()


def replace_over(path: Path) -> None:
    other = path.with_suffix(".part")
    other.write_bytes(file_of("new", ROWS + 1))
    other.replace(path)


def replace_keeping_size_and_time(path: Path) -> None:
    status = path.stat()
    other = path.with_suffix(".part")
    other.write_bytes(file_of("NEW"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def overwrite(path: Path) -> None:
    path.write_bytes(file_of("NEW"))


def truncate(path: Path) -> None:
    os.truncate(path, PIECE * 2 + 7)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"K9999,late,1990-01-31\n")


CHANGES: list[Callable[[Path], None]] = [
    replace_over,
    replace_keeping_size_and_time,
    overwrite,
    truncate,
    append,
    Path.unlink,
]


class SlowFile(io.FileIO):
    """A file that gives a piece at a time, and is changed by somebody else after the first."""

    change: Callable[[], None]

    def readinto(self, buffer: Any) -> int:
        piece = super().read(min(PIECE, len(buffer)))
        buffer[: len(piece)] = piece
        self.change()
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        piece = super().read(PIECE if size < 0 else min(size, PIECE))
        self.change()
        return piece


class Meddler:
    """Changes each of its files in the middle of the `at`-th time that it is opened since it meddles."""

    def __init__(self, changes: dict[Path, Callable[[Path], None]], at: int) -> None:
        self.changes = {str(path): change for path, change in changes.items()}
        self.at = at
        self.opened = dict.fromkeys(self.changes, 0)
        self.open = io.open

    def __call__(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        name = os.fspath(file) if isinstance(file, (str, os.PathLike)) else ""
        if name in self.opened:
            self.opened[name] += 1
            if self.opened[name] == self.at:
                slow = SlowFile(name, "rb")
                slow.change = lambda: self.change_once(name)
                return slow
        return self.open(file, mode, *arguments, **options)

    def change_once(self, name: str) -> None:
        # What a change opens itself is no reading.
        if change := self.changes.pop(name, None):
            change(Path(name))


def loaded(home: LoadingHome, day: int) -> list[tuple[str, str]]:
    query = f"select customer_key, customer_name from raw.{FEED} where delivery_date = ? order by row_number"
    return home.rows(query, f"2024-01-0{day}")


def rows_in(content: bytes) -> list[tuple[str, str]]:
    lines = [line.split(",") for line in content.decode().splitlines()[1:]]
    return [(line[0], line[1]) for line in lines if len(line) == 3 and len(line[2]) == 10]


@pytest.mark.parametrize("opening", [1, 2], ids=["while it is looked at", "while it is landed"])
def test_a_file_changed_in_the_middle_waits_or_is_loaded_whole(home, monkeypatch, opening):
    home.add_source(FEED, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    old = file_of("old")
    days = dict(enumerate(CHANGES, 1))
    paths = {day: home.deliver(f"customers_2024010{day}.csv", old) for day in days}
    home.deliver("customers_20240109.csv", file_of("other", 20))
    meddler = Meddler({paths[day]: change for day, change in days.items()}, opening)
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", meddler)
        home.load(FEED)
    assert meddler.changes == {}, "every file was changed in the middle"
    new = {day: path.read_bytes() if path.exists() else None for day, path in paths.items()}
    first = {day: loaded(home, day) for day in days}
    for day, change in days.items():
        assert first[day] in ([], rows_in(old), rows_in(new[day] or b"")), f"{change.__name__}: a mix of two contents"
    assert len(loaded(home, 9)) == 20, "the others are loaded"
    assert unaccounted(home.settings.home) == []
    home.load(FEED)
    for day, change in days.items():
        content = new[day]
        expected = first[day] if content is None else rows_in(content)
        assert loaded(home, day) == expected, f"{change.__name__}: the next load has it right"
    assert unaccounted(home.settings.home) == []
    assert home.load(FEED).batches == 0
