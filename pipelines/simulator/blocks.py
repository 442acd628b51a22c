"""Blocks of customers, drawn one after the other so that memory does not grow with the company, and their numbering."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipelines.simulator.calendar import DAYS_PER_MONTH, Period

# What one process holds at a time: about 1 GB. The block a customer falls into decides what is drawn for him.
CUSTOMER_MONTHS_PER_BLOCK = 1_500_000
# A customer's name, address and keys take as much memory as a year of his doings.
MONTHS_OF_A_CUSTOMER = 12


@dataclass(frozen=True)
class Numbering:
    """The numbers one block gives. Blocks take turns, so no two give the same and all rise with time."""

    first: int = 0
    step: int = 1

    def of(self, places: np.ndarray) -> np.ndarray:
        """The number, from 0, of each place within the block."""
        return self.first + self.step * places


WHOLE = Numbering()


@dataclass(frozen=True)
class Block:
    """A part of the customers, who sign, buy and call without regard to the other parts."""

    number: int
    customers: int
    numbering: Numbering


def blocks_of(customers: int, period: Period) -> list[Block]:
    """As few blocks of about equal size as the limit allows; what fits into one is one."""
    months = customers * (period.days / DAYS_PER_MONTH + MONTHS_OF_A_CUSTOMER)
    count = min(math.ceil(months / CUSTOMER_MONTHS_PER_BLOCK), customers)
    bounds = np.arange(count + 1) * customers // count
    return [Block(n, int(size), Numbering(n, count)) for n, size in enumerate(np.diff(bounds))]
