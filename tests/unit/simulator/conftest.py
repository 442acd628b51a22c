"""One small simulated company, shared by the tests that read its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from pipelines.simulator import simulate

START, END = date(2023, 1, 1), date(2023, 3, 1)


@dataclass(frozen=True)
class Simulated:
    folder: Path
    counts: dict[str, int]


@pytest.fixture(scope="package")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("company")
    return Simulated(folder, simulate(folder, customers=1500, start=START, end=END, seed=7))
