"""The CDNOW purchases, read from the data files of the package lifetimes, which is never imported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CALIBRATION_END = date(1997, 9, 30)


@dataclass(frozen=True)
class Histories:
    """Customers up to the end of calibration, in weeks; `holdout_days` are their purchase days after it."""

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    mean_spend: np.ndarray
    holdout_days: int


def _cdnow(file_name: str, columns: list[str], header_lines: int) -> pd.DataFrame:
    try:
        files = metadata.files("lifetimes") or []
    except metadata.PackageNotFoundError:
        pytest.skip("the data package lifetimes (CDNOW) is not installed; see requirements-data.lock")
    path = next(Path(str(file.locate())) for file in files if file.name == file_name)
    lines = pd.read_csv(path, sep=r"\s+", header=None, skiprows=header_lines, names=columns, dtype=str)
    return lines.assign(
        purchase_date=pd.to_datetime(lines["purchase_date"], format="%Y%m%d"),
        amount=lines["amount"].astype(float),
    )


@pytest.fixture(scope="package")
def cdnow_master() -> pd.DataFrame:
    """Every line of the full cohort: customer_id, purchase_date, quantity, amount."""
    return _cdnow("CDNOW_master.txt", ["customer_id", "purchase_date", "quantity", "amount"], 1)


@pytest.fixture(scope="package")
def cdnow_sample() -> pd.DataFrame:
    """Every line of the one in ten sample, whose file has no header line."""
    columns = ["master_id", "customer_id", "purchase_date", "quantity", "amount"]
    return _cdnow("CDNOW_sample.txt", columns, 0)


@pytest.fixture(scope="package")
def master_histories(cdnow_master: pd.DataFrame) -> Histories:
    return _histories(cdnow_master)


@pytest.fixture(scope="package")
def sample_histories(cdnow_sample: pd.DataFrame) -> Histories:
    return _histories(cdnow_sample)


def _histories(lines: pd.DataFrame) -> Histories:
    end = pd.Timestamp(CALIBRATION_END)
    days = lines.groupby(["customer_id", "purchase_date"], as_index=False)["amount"].sum()
    calibration = days[days["purchase_date"] <= end]
    dates = calibration.groupby("customer_id")["purchase_date"].agg(["min", "max", "size"])
    repeats = calibration[calibration["purchase_date"] > calibration["customer_id"].map(dates["min"])]
    mean_spend = repeats.groupby("customer_id")["amount"].mean().reindex(dates.index)
    return Histories(
        x=(dates["size"] - 1).to_numpy(dtype=float),
        t_x=((dates["max"] - dates["min"]).dt.days / 7).to_numpy(),
        T=((end - dates["min"]).dt.days / 7).to_numpy(),
        mean_spend=mean_spend.to_numpy(),
        holdout_days=len(days) - len(calibration),
    )
