"""Which publication stands for a day, and what is said where a file made again is not the one of then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.connections import connected
from pipelines.errors import UsageError
from pipelines.ledger.tables import create_tables
from pipelines.publishing.publication import version_file
from pipelines.replay.as_of import Edition, compared, find_edition
from pipelines.settings import Settings
from pipelines.sources.configuration import Company

EDITION = Edition(datetime(2024, 3, 2, 6), "run", "of then", datetime(2024, 3, 1, 20), 7, 0, 0, 0, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = Settings(tmp_path, tmp_path / "sources.yml", "1GB", 2, 3)
    with connected(home, home.warehouse) as warehouse:
        create_tables(warehouse)
        for day, judged_at in ((2, "2024-03-01 20:00"), (5, "2024-03-04 14:59"), (6, None)):
            warehouse.execute(
                "insert into ledger.publications by name select make_timestamp(2024, 3, ?, 6, 0, 0.0) as published_at, "
                "'run' as run_id, '' as state_hash, ?::varchar as content_hash, ?::timestamp as judged_at, "
                "7 as last_arrival, 0 as decision_number, 0 as override_number, 0 as model_number, "
                "1 as resolution_number",
                [day, str(day), judged_at],
            )
    return home


@pytest.mark.parametrize(
    ("day", "published"), [(date(2024, 3, 2), "2"), (date(2024, 3, 3), "2"), (date(2024, 3, 4), "5")]
)
def test_a_day_is_the_last_publication_that_stood_for_it_in_the_company_s_zone(
    settings: Settings, day: date, published: str
) -> None:
    assert find_edition(settings, Company(), day).content_hash == published


def test_a_day_before_the_first_publication_is_told_when_that_was(settings: Settings) -> None:
    with pytest.raises(UsageError, match="until 2024-03-01; the first was published on 2024-03-02"):
        find_edition(settings, Company(), date(2024, 3, 1))


def test_what_differs_is_told_by_table_while_the_version_of_then_is_kept(settings: Settings) -> None:
    then = version_file(settings, EDITION.published_at, EDITION.content_hash)
    then.parent.mkdir(parents=True)
    now = settings.home / "now.duckdb"
    for path, label in ((then, "old"), (now, "new")):
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create schema marts; create table marts.a as select '{label}' as label")
            connection.execute("create table marts.b as select 1 as one")
    found = compared(settings, now, EDITION, Path("out"))
    assert (found.tables, found.differing) == (2, ["marts.a"])
    same = compared(settings, now, replace(EDITION, content_hash=found.content_hash), Path("out"))
    assert same.differing == []
    then.unlink()
    assert compared(settings, now, EDITION, Path("out")).differing is None
