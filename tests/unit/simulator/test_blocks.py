"""Companies drawn in several blocks: what one file says of another holds, whatever the blocks and processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipelines.simulator import assembly, blocks, pieces, simulate
from pipelines.simulator.blocks import blocks_of
from pipelines.simulator.calendar import Period

from .conftest import Simulated
from .test_simulation import SMALL, digests

MONTH = Period(np.datetime64("2023-01-01"), np.datetime64("2023-01-31"))
DECADE = Period(np.datetime64("2014-01-01"), np.datetime64("2023-12-31"))


@pytest.fixture
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few dozen customers, for the companies of this module."""
    monkeypatch.setattr(blocks, "CUSTOMER_MONTHS_PER_BLOCK", 900)


@pytest.mark.parametrize("period", [MONTH, DECADE], ids=["month", "decade"])
@pytest.mark.parametrize("customers", [1, 12_345, 1_000_000])
def test_every_customer_is_in_one_block_and_no_block_is_larger_than_the_bound(period: Period, customers: int) -> None:
    drawn = blocks_of(customers, period)
    assert sum(block.customers for block in drawn) == customers
    assert max(block.customers for block in drawn) * (period.days / 31) <= blocks.CUSTOMER_MONTHS_PER_BLOCK
    assert min(block.customers for block in drawn) > 0


def test_the_numbers_of_all_blocks_are_distinct_and_without_large_gaps() -> None:
    drawn = blocks_of(1_000_000, DECADE)
    numbers = np.concatenate([block.numbering.of(np.arange(block.customers)) for block in drawn])
    assert len(drawn) > 10
    assert len(np.unique(numbers)) == 1_000_000
    assert numbers.max() < 1_000_000 + len(drawn)


@pytest.mark.usefixtures("several_blocks")
def test_the_number_of_processes_does_not_change_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(blocks_of(200, Period.between(SMALL["start"], SMALL["end"]))) > 2
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    simulate(tmp_path / "two", **SMALL, seed=3)
    monkeypatch.setattr(assembly, "MOST_PROCESSES", 1)
    simulate(tmp_path / "one", **SMALL, seed=3)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_how_many_rows_are_rendered_at_a_time_does_not_change_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = {"customers": 1500, "start": date(2023, 1, 1), "end": date(2023, 1, 20)}
    simulate(tmp_path / "many", **company)
    monkeypatch.setattr(pieces, "ROWS_AT_A_TIME", 50)
    simulate(tmp_path / "few", **company)
    assert duckdb.sql(f"select count(*) > 10 from '{tmp_path}/few/truth/dirt.parquet'").fetchone() == (True,)
    assert digests(tmp_path / "many") == digests(tmp_path / "few")


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("truth/people.parquet", "customer_key"),
        ("truth/customers.parquet", "person_id"),
        ("truth/contracts.parquet", "contract_key"),
        ("inbox/campaign/contacts_*.parquet", "contact_id"),
        ("inbox/campaign/responses_*.csv", "response_id"),
    ],
)
def test_no_key_is_given_twice(simulated: Simulated, pattern: str, key: str) -> None:
    found = duckdb.sql(f"select count(*), count(distinct {key}) from '{simulated.folder}/{pattern}'").fetchone()
    assert found[0] == found[1] > 0


@pytest.mark.parametrize("feed", ["transactions", "calls", "mailings"])
def test_no_line_but_a_recorded_duplicate_is_written_twice(simulated: Simulated, feed: str) -> None:
    lines = [
        line
        for file in (simulated.folder / "inbox").rglob(f"{feed}_*")
        for line in file.read_bytes().split(b"\n")[1 if file.suffix == ".csv" else 0 : -1]
    ]
    (copies,) = duckdb.sql(
        f"""
        select count(*) from '{simulated.folder}/truth/dirt.parquet'
        where feed like '%_{feed}' and kind = 'duplicate'
        """
    ).fetchone()
    assert len(lines) - len(set(lines)) == copies


@pytest.mark.parametrize(
    ("pattern", "column", "truth", "key"),
    [
        ("campaign/contacts_*.parquet", "customer_number", "people", "customer_key"),
        ("campaign/responses_*.csv", "customer_number", "people", "customer_key"),
        ("campaign/responses_*.csv", "contract_number", "contracts", "contract_key"),
    ],
)
def test_a_key_of_another_feed_is_one_that_exists(
    simulated: Simulated, pattern: str, column: str, truth: str, key: str
) -> None:
    inbox = f"{simulated.folder}/inbox/{pattern}"
    source = f"read_csv('{inbox}', all_varchar = true)" if pattern.endswith("csv") else f"'{inbox}'"
    known = f"select {key} from '{simulated.folder}/truth/{truth}.parquet'"
    found = duckdb.sql(
        f"select count({column}), count({column}) filter ({column} not in ({known})) from {source}"
    ).fetchone()
    assert found[0] > 0
    assert found[1] == 0


@pytest.mark.usefixtures("several_blocks")
def test_a_campaigns_counts_are_those_of_all_blocks(tmp_path: Path) -> None:
    simulate(tmp_path, **SMALL)
    (assigned,) = duckdb.sql(f"select sum(assigned_count) from '{tmp_path}/truth/campaign_effects.parquet'").fetchone()
    (treated,) = duckdb.sql(
        f"""select count(*) from '{tmp_path}/inbox/campaign/contacts_*.parquet' where "group" = 'T'"""
    ).fetchone()
    assert assigned == treated > 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes where Linux shows them")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from pipelines.simulator import blocks, simulate
blocks.CUSTOMER_MONTHS_PER_BLOCK = 100_000
os.cpu_count = lambda: 2
simulate(Path({str(tmp_path)!r}), customers=100_000)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    # Two that draw blocks; multiprocessing has one of its own.
    while len(children := _children_of(parent.pid)) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(_is_running(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _children_of(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return [int(child) for child in listed if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
