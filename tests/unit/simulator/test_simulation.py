"""The simulated company as a whole: bytes, files, counts, refusals."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.simulator import simulate

from .conftest import END, START, Simulated

SMALL = {"customers": 200, "start": date(2023, 1, 1), "end": date(2023, 3, 1)}
DAILY = ("branch/customers_*.csv", "branch/contracts_*.csv", "branch/contract_holders_*.csv",
         "branch/transactions_*.csv", "call_center/calls_*.jsonl")  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    simulate(tmp_path / "one", **SMALL, seed=3)
    simulate(tmp_path / "two", **SMALL, seed=3)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    simulate(tmp_path / "one", **SMALL, seed=3)
    simulate(tmp_path / "two", **SMALL, seed=4)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    same = {file for file in one.keys() & two.keys() if one[file] == two[file]}
    # The products are a list of the company's, not drawn; days without rows, and the mapping, have no seed.
    empty = {file for file in same if len((tmp_path / "one" / file).read_bytes().splitlines()) <= 1}
    assert {file for file in same - empty if "products" not in file} == {"sources.yml"}


@pytest.mark.parametrize("pattern", DAILY)
def test_a_daily_feed_has_a_file_for_every_day(simulated: Simulated, pattern: str) -> None:
    files = sorted((simulated.folder / "inbox").glob(pattern))
    stem = pattern.split("/")[1].split("*", maxsplit=1)[0]
    days = [START + timedelta(days=n) for n in range((END - START).days + 1)]
    assert [file.stem for file in files] == [f"{stem}{day:%Y%m%d}" for day in days]


def test_a_day_without_events_is_a_file_with_its_header_alone(tmp_path: Path) -> None:
    simulate(tmp_path, customers=2, start=date(2023, 1, 1), end=date(2023, 1, 20))
    lines = {len(file.read_bytes().splitlines()) for file in (tmp_path / "inbox/branch").glob("transactions_*")}
    assert 1 in lines


def test_one_customer_and_one_day_are_enough(tmp_path: Path) -> None:
    counts = simulate(tmp_path, customers=1, start=date(2023, 5, 1), end=date(2023, 5, 1))
    assert counts["branch__customers"] <= 1
    assert (tmp_path / "sources.yml").exists()


def test_counts_are_the_rows_of_the_truth(simulated: Simulated) -> None:
    totals = duckdb.sql(f"select * from '{simulated.folder}/truth/totals.parquet'").fetchall()
    for feed, _, rows, clean, dirty, duplicate, _ in totals:
        assert simulated.counts[feed] == rows == clean + dirty + duplicate
    assert simulated.counts["rows"] == sum(row[2] for row in totals)


def test_an_inbox_that_is_there_already_is_left_alone(simulated: Simulated) -> None:
    before = digests(simulated.folder)
    with pytest.raises(FileExistsError, match="Nothing was written"):
        simulate(simulated.folder, **SMALL)
    assert digests(simulated.folder) == before


@pytest.mark.parametrize("stage", ["people", "branch__transactions", "truth"])
def test_an_interrupted_simulation_leaves_nothing_and_can_be_repeated(tmp_path: Path, stage: str) -> None:
    def interrupt(begun: str, _share: float) -> None:
        if begun == stage:
            raise KeyboardInterrupt

    (tmp_path / "inbox").mkdir()
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, **SMALL, progress=interrupt)
    assert [file.name for file in tmp_path.rglob("*")] == ["inbox"]
    simulate(tmp_path, **SMALL)
    assert {file.name for file in tmp_path.iterdir()} == {"inbox", "truth", "sources.yml"}


def test_what_a_killed_simulation_has_left_does_not_reach_the_next_one(tmp_path: Path) -> None:
    left = tmp_path / ".simulating" / "inbox" / "branch" / "transactions_20200101.csv"
    left.parent.mkdir(parents=True)
    left.touch()
    simulate(tmp_path, **SMALL)
    assert not list(tmp_path.rglob(left.name))


def test_a_period_that_ends_before_it_starts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="before the start"):
        simulate(tmp_path, start=date(2023, 2, 1), end=date(2023, 1, 1))
    assert not list(tmp_path.iterdir())


def test_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    simulate(tmp_path, **SMALL, progress=lambda _stage, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_importing_the_simulator_loads_no_framework() -> None:
    code = (
        "import sys, pipelines.simulator.deliveries\n"
        "print([m for m in ('dagster', 'dbt', 'great_expectations', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
