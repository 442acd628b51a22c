"""When customers buy and how much: the BG/NBD process with Gamma-Gamma spend.

Fader, Hardie and Lee (2005), "Counting your customers the easy way"; Fader and Hardie (2013), "The Gamma-Gamma
model of monetary value". Pure mathematics: nothing here knows a person, a product or a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class PurchaseModel:
    """BG/NBD parameters per week (r, alpha, a, b) and Gamma-Gamma parameters in won (p, q, gamma)."""

    r: float = 0.9
    alpha: float = 6.0
    a: float = 0.6
    b: float = 6.0
    p: float = 6.0
    q: float = 4.0
    gamma: float = 27_000.0

    @property
    def mean_spend(self) -> float:
        """Expected spend per purchase over all customers, in won: p * gamma / (q - 1)."""
        return self.p * self.gamma / (self.q - 1)


@dataclass(frozen=True)
class Buyers:
    """One entry per customer: purchases per day, dropout probability after a repeat purchase, spend scale."""

    daily_rate: np.ndarray
    dropout: np.ndarray
    spend_rate: np.ndarray
    model: PurchaseModel

    @property
    def mean_spend(self) -> np.ndarray:
        """True mean spend per purchase in won, p / nu."""
        return self.model.p / self.spend_rate


def draw_buyers(count: int, model: PurchaseModel, generator: np.random.Generator) -> Buyers:
    weekly = generator.gamma(model.r, 1 / model.alpha, count)
    dropout = generator.beta(model.a, model.b, count)
    spend_rate = generator.gamma(model.q, 1 / model.gamma, count)
    return Buyers(weekly / DAYS_PER_WEEK, dropout, spend_rate, model)


def draw_repeat_purchases(
    buyers: Buyers, horizon_days: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat purchases within each customer's horizon; the first purchase, at time 0, is not among them.

    Returns the buyer of each purchase, its time in days after acquisition (sorted by buyer and time), and for
    each buyer the time of the dropout, infinite where it lies beyond the horizon. Arrivals are Poisson, given
    their number uniform; the dropout follows a geometric number of repeat purchases. As in BG/NBD, nobody
    drops out at time 0.
    """
    count = len(buyers.daily_rate)
    arrivals = generator.poisson(buyers.daily_rate * np.maximum(horizon_days, 0))
    # Below this a dropout is out of reach, and the geometric distribution overflows.
    last = generator.geometric(np.maximum(buyers.dropout, 1e-9), count)
    buyer = np.arange(count).repeat(arrivals)
    time = generator.random(len(buyer)) * horizon_days[buyer]
    order = np.lexsort((time, buyer))
    time = time[order]
    number = np.arange(1, len(buyer) + 1) - (np.cumsum(arrivals) - arrivals)[buyer]
    dropped_at = np.full(count, np.inf)
    final = number == last[buyer]
    dropped_at[buyer[final]] = time[final]
    kept = number <= last[buyer]
    return buyer[kept], time[kept], dropped_at


def draw_spend(buyers: Buyers, buyer: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The value of each purchase in won (float), Gamma(p, nu) for its buyer's nu."""
    return generator.gamma(buyers.model.p, 1 / buyers.spend_rate[buyer])
