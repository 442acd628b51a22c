"""One small simulated company, in one block of customers and in several, shared by the tests that read its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from made_once import made_once

from pipelines.simulator import blocks, simulate

START, END = date(2023, 1, 1), date(2023, 3, 1)
# Of 1,500 customers over two months.
MONTHS_OF_ALL = 1500 * 14


@dataclass(frozen=True)
class Simulated:
    folder: Path
    counts: dict[str, int]


@pytest.fixture(scope="package", params=[1, 2], ids=["one block", "two blocks"])
def simulated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "CUSTOMER_MONTHS_PER_BLOCK", MONTHS_OF_ALL / request.param)
            counts = simulate(folder / "home", customers=1500, start=START, end=END, seed=20)
            (folder / "counts.json").write_text(json.dumps(counts), encoding="utf-8")

    folder = made_once(tmp_path_factory, f"company_of_{request.param}", make)
    return Simulated(folder / "home", json.loads((folder / "counts.json").read_text(encoding="utf-8")))
