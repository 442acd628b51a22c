"""Persons who may not be destroyed yet, because a law wants their records kept: one locked file that ends on its day.

No command reads it. Its name has the erasure's number and the day of its end, so a listing of the folder is enough to
know when to destroy it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pipelines.connections import STORAGE_VERSION, connected, exact_name, identifier, literal
from pipelines.contracts import feeds
from pipelines.home.durable import synchronise
from pipelines.settings import Settings


def file_name(erasure_number: int, destroy_date: date) -> str:
    """What the file of an erasure is called."""
    return f"erasure-{erasure_number}-until-{destroy_date}.duckdb"


def separate(settings: Settings, rows: Path, name: str) -> None:
    """Copy the rows of `rows` (feed, batch_id, row_number) out of raw and quarantine into a file of mode 0400.

    It is there whole or not at all.
    """
    settings.separated.mkdir(mode=0o700, exist_ok=True)
    written = settings.scratch / name
    written.unlink(missing_ok=True)
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(settings.warehouse)} as warehouse (read_only)")
        connection.execute(f"attach {literal(written)} as separated (storage_version '{STORAGE_VERSION}')")
        connection.execute(f"create temp table theirs as from read_parquet({literal(exact_name(rows))})")
        connection.execute("create schema separated.raw; create schema separated.quarantine")
        for feed in feeds():
            table = identifier("raw", feed)
            connection.execute(
                f"create table separated.{table} as select * from warehouse.{table} "
                "where (batch_id, row_number) in "
                f"(select (batch_id, row_number) from theirs where feed = {literal(feed)})"
            )
        connection.execute(
            "create table separated.quarantine.rows as from warehouse.quarantine.rows "
            "where (feed, batch_id, row_number) in (select (feed, batch_id, row_number) from theirs)"
        )
        connection.execute("checkpoint separated")
    written.chmod(0o400)
    synchronise([written])
    written.replace(settings.separated / name)
    synchronise([settings.separated])


def destroy_ended(settings: Settings, today: date) -> list[Path]:
    """Destroy the files whose day has come; which they were."""
    ended = [file for file, ends in _files(settings) if ends <= today]
    for file in ended:
        file.unlink()
    return ended


def _files(settings: Settings) -> Iterator[tuple[Path, date]]:
    for file in sorted(settings.separated.glob("erasure-*.duckdb")):
        if found := re.search("-until-([0-9]{4}-[0-9]{2}-[0-9]{2})$", file.stem):
            yield file, date.fromisoformat(found[1])
