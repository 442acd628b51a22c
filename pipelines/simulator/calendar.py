"""The simulated period and arithmetic on whole days and months; all dates are numpy datetime64[D]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

DAYS_PER_MONTH = 365.25 / 12
NO_DAY = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Period:
    """First and last simulated day, both included."""

    start: np.datetime64
    end: np.datetime64

    @classmethod
    def between(cls, start: date, end: date) -> Period:
        """Raises ValueError when the end lies before the start."""
        if end < start:
            raise ValueError(f"The end {end} lies before the start {start}: give an end on or after the start.")
        return cls(np.datetime64(start, "D"), np.datetime64(end, "D"))

    @property
    def days(self) -> int:
        return int((self.end - self.start).astype(int)) + 1

    def all_days(self) -> np.ndarray:
        return np.arange(self.start, self.end + 1)

    def holds(self, days: np.ndarray) -> np.ndarray:
        return (days >= self.start) & (days <= self.end)


def add_months(days: np.ndarray, months: np.ndarray | int) -> np.ndarray:
    """The same day of a later month, at most the 28th, so that every month has it."""
    month = days.astype("datetime64[M]")
    day_of_month = np.minimum((days - month.astype("datetime64[D]")).astype(int), 27)
    return (month + months).astype("datetime64[D]") + day_of_month


def first_days_of_quarters(period: Period, most: int) -> np.ndarray:
    """The period's first day and the first days of at most `most` later quarters inside it."""
    months = np.arange(period.start.astype("datetime64[M]") + 1, period.end.astype("datetime64[M]") + 1)
    quarters = months[months.astype(int) % 3 == 0].astype("datetime64[D]")[:most]
    return np.concatenate([np.array([period.start]), quarters])


def spread(first: np.ndarray, last: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A uniform day between first and last, both included; arrays of equal length."""
    width = (last - first).astype(int) + 1
    return first + np.floor(generator.random(len(first)) * width).astype(int)


def instants(days: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Local instants (datetime64[s]) from days and seconds of the day."""
    return days.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
