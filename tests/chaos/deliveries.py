"""Transactions as the simulator delivers them, and a home that gets them from a system per format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from loading_home import LoadingHome

from pipelines.simulator import simulate

from .formats import Format, Table

FEED = "branch__transactions"
LAST_COLUMN = "끝"
"""A column that nothing maps, last in every row: a row that was cut is short of it."""


def simulated_transactions(folder: Path) -> tuple[Table, dict[str, Any]]:
    """A month's transactions as the branch system sends them, and the mapping of its entry in the sources file."""
    from datetime import date  # noqa: PLC0415

    simulate(folder, 150, date(2024, 1, 1), date(2024, 1, 31), 1, lambda step, share: None)
    entries = yaml.safe_load((folder / "sources.yml").read_text(encoding="utf-8"))["sources"]
    entry = next(one for one in entries if one["feed"] == FEED and one["source_system"] == "branch")
    header: list[str] = []
    rows: list[list[str]] = []
    for file in sorted((folder / "inbox" / "branch").glob("transactions_*.csv")):
        first, *lines = file.read_text(encoding=entry["codec"]).splitlines()
        header = first.split(",")
        rows += [[*line.split(","), "."] for line in lines]
    return Table([*header, LAST_COLUMN], rows), entry["columns"]


def add_source(home: LoadingHome, form: Format, header: list[str], columns: dict[str, Any]) -> None:
    """Have the home expect any number of files of the format for one day, told apart by their part."""
    path = f"{form.name}/{{date:%Y%m%d}}_{{part}}.{form.ending}"
    home.add_source(FEED, path, **form.entry(header, columns), source_system=form.name)


def deliver(home: LoadingHome, form: Format, part: str, content: bytes) -> Path:
    """Put a file of the format into the home."""
    return home.deliver(f"{form.name}/20240131_{part}.{form.ending}", content)
