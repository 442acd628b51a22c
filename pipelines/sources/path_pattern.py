"""A path with places for the delivery date and the part: `branch/customers_{date:%Y%m%d}_{part}.csv`."""

import glob
import os
import re
from collections.abc import Iterator
from datetime import date, datetime
from importlib import metadata
from pathlib import Path

_PLACE = re.compile(r"\{(date(?::(?P<format>[^}]+))?|part|(?P<unknown>[^}]*))\}")
_PACKAGE = "python-package:"


class PathPattern:
    """Finds the files that fit a pattern.

    `python-package:NAME/PATH` names a data file of an installed package, which is located without importing it.
    Raises ValueError for an unknown place or a date format that cannot be read back.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.format = "%Y-%m-%d"
        expression, wildcard, end = "", "", 0
        self.has_date = False
        for place in _PLACE.finditer(pattern):
            if place["unknown"] is not None:
                raise ValueError(f"unknown place {place[0]}; known are {{date:%Y%m%d}} and {{part}}")
            text = pattern[end : place.start()]
            name = "part" if place[1] == "part" else "date"
            if f"(?P<{name}>" in expression:
                raise ValueError(f"{place[0]} appears twice")
            expression += re.escape(text) + f"(?P<{name}>[^/]+?)"
            wildcard += glob.escape(text) + "*"
            end = place.end()
            if name == "date":
                self.has_date = True
                self.format = place["format"] or self.format
                day = date(2001, 11, 23)
                if _read_date(day.strftime(self.format), self.format) != day:
                    raise ValueError(f"{place[0]} does not give year, month and day; write one such as {{date:%Y%m%d}}")
        self._expression = re.compile(expression + re.escape(pattern[end:]))
        self._wildcard = wildcard + glob.escape(pattern[end:])

    def files(self, folder: Path) -> Iterator[tuple[Path, date | None, str]]:
        """Path, delivery date (None without a date in the pattern) and part ('' without one) of each file, sorted.

        A name that fits but whose date cannot be read is passed over: it belongs to another pattern.
        """
        if self.pattern.startswith(_PACKAGE):
            if path := _package_file(self.pattern.removeprefix(_PACKAGE)):
                yield path, None, ""
            return
        for name in sorted(glob.glob(self._wildcard, root_dir=folder)):
            found = self._expression.fullmatch(name)
            path = folder / name
            if not found or not path.is_file():
                continue
            places = found.groupdict()
            day = _read_date(places["date"], self.format) if self.has_date else None
            if day or not self.has_date:
                yield path, day, places.get("part") or ""

    def fits(self, path: Path, folder: Path) -> bool:
        """Whether the pattern, started at `folder`, could have found `path`, which need not exist any more."""
        if self.pattern.startswith(_PACKAGE):
            return _package_file(self.pattern.removeprefix(_PACKAGE)) == path
        name = str(path) if Path(self.pattern).is_absolute() else os.path.relpath(path, folder)
        return self._expression.fullmatch(name) is not None


def _read_date(text: str, format: str) -> date | None:
    try:
        return datetime.strptime(text, format).date()
    except ValueError:
        return None


def _package_file(name: str) -> Path | None:
    package, _, path = name.partition("/")
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.as_posix() == path), None)
