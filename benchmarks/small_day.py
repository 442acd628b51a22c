"""Holds back one day of a simulated company, so that every feed brings something on it."""

import re
import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path

_DATED = re.compile(r"(?P<stem>.+)_(?P<day>\d{4}-?\d{2}-?\d{2})(?P<ending>\.\w+)")


def hold_back(inbox: Path, aside: Path, day: date) -> None:
    """Move the deliveries dated `day` from `inbox` to `aside`.

    A feed that delivers nothing on that day gives its latest delivery instead, under the name of the day; its only
    delivery is copied.
    """
    for files in _by_feed(inbox).values():
        latest = files[-1]
        found = _DATED.fullmatch(latest.name)
        assert found is not None
        name = f"{found['stem']}_{day:%Y-%m-%d}" if "-" in found["day"] else f"{found['stem']}_{day:%Y%m%d}"
        target = aside / latest.parent.relative_to(inbox) / (name + found["ending"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(files) == 1:
            shutil.copyfile(latest, target)
        else:
            shutil.move(latest, target)


def deliver(inbox: Path, aside: Path) -> int:
    """Move all that was held back into `inbox`; tells how many files."""
    files = [file for file in aside.rglob("*") if file.is_file()]
    for file in files:
        shutil.move(file, inbox / file.relative_to(aside))
    return len(files)


def _by_feed(inbox: Path) -> dict[str, list[Path]]:
    """The files of each feed, oldest first."""
    feeds: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(inbox.rglob("*")):
        if file.is_file() and (found := _DATED.fullmatch(file.name)):
            feeds[f"{file.parent.name}/{found['stem']}"].append(file)
    return feeds
