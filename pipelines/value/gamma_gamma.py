"""What a purchase brings: the Gamma-Gamma model of Fader and Hardie (2013).

"The Gamma-Gamma Model of Monetary Value", brucehardie.com/notes/025. How often purchases happen is `bg_nbd.py`; the
model takes for granted that the two have nothing to do with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from pipelines.value.likelihood import FloatArray, NotConvergedError, maximise

# Spend is divided by its mean before the search, so that these suit every currency.
STARTS = ((5.0, 3.0, 1.0), (1.0, 2.0, 1.0), (20.0, 5.0, 0.3))
BOUNDS = ((1e-3, 1e4), (1e-3, 1e4), (1e-4, 1e5))


@dataclass(frozen=True)
class GammaGammaParameters:
    """Spend of a purchase is Gamma(p, nu), nu over customers Gamma(q, v); v is in units of money."""

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")


def fit(x: npt.ArrayLike, mean_spend: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> GammaGammaParameters:
    """Maximum likelihood parameters from customers with repeat purchases; equation (1a).

    `x` repeat purchases (at least 1) and `mean_spend` their mean spend (above 0) are one-dimensional and equally long;
    `weight` counts the customers that share a row. Raises ValueError on impossible input, NotConvergedError where no
    maximum is found or where the mean spend over customers would be infinite (q <= 1).
    """
    x, mean_spend = np.asarray(x, dtype=float), np.asarray(mean_spend, dtype=float)
    weight = np.ones_like(x) if weight is None else np.asarray(weight, dtype=float)
    if not x.shape == mean_spend.shape == weight.shape or x.ndim != 1:
        raise ValueError("x, mean_spend and weight must be one-dimensional and equally long")
    if x.size == 0:
        raise ValueError("no customers to fit the Gamma-Gamma spend model to")
    if not (np.isfinite(mean_spend).all() and (mean_spend > 0).all() and (x >= 1).all()):
        raise ValueError("the Gamma-Gamma spend model takes repeat purchases (x >= 1) of positive mean spend")
    scale = float(np.sum(weight * mean_spend) / weight.sum())
    z = mean_spend / scale
    total_spend = x * z

    def total(parameters: FloatArray) -> tuple[float, FloatArray]:
        p, q, v = parameters
        shapes = p * x + q
        spread = np.log(total_spend + v)
        each = gammaln(shapes) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        each += p * x * np.log(total_spend) - np.log(z) - shapes * spread
        gradient = (
            x * (digamma(shapes) - digamma(p * x) + np.log(total_spend) - spread),
            digamma(shapes) - digamma(q) + np.log(v) - spread,
            q / v - shapes / (total_spend + v),
        )
        return float(np.sum(weight * each)), np.array([np.sum(weight * part) for part in gradient])

    (p, q, v), highest = maximise(total, STARTS, BOUNDS, float(weight.sum()), "the Gamma-Gamma spend model")
    if q <= 1:
        raise NotConvergedError(f"the Gamma-Gamma spend model has no mean: q is {q:.3f}, needs more than 1")
    # Back in money: v scales with it, the density inversely.
    highest -= float(weight.sum()) * float(np.log(scale))
    return GammaGammaParameters(float(p), float(q), float(v) * scale, log_likelihood=highest)


def population_mean(parameters: GammaGammaParameters) -> float:
    """Expected spend of a purchase over all customers: p v / (q - 1)."""
    return parameters.p * parameters.v / (parameters.q - 1)


def expected_spend(parameters: GammaGammaParameters, x: npt.ArrayLike, mean_spend: npt.ArrayLike) -> FloatArray:
    """Expected spend of a future purchase, given `x` repeat purchases of `mean_spend`; equation (5).

    A weighted mean of the customer's own spend and of the population's; where x is 0 it is the population's, and
    `mean_spend` is not looked at.
    """
    x, mean_spend = np.asarray(x, dtype=float), np.asarray(mean_spend, dtype=float)
    total_spend = np.where(x > 0, x * np.nan_to_num(mean_spend), 0.0)
    return parameters.p * (parameters.v + total_spend) / (parameters.p * x + parameters.q - 1)
