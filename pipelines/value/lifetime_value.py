"""What every customer is expected to bring: purchases (BG/NBD) times spend of a purchase (Gamma-Gamma).

One fit for a company, then one answer for each customer; where there is no answer, there is a reason instead. The
models in `models/marts/customer/` say what was brought already, and in which money.
"""

# ruff: noqa: N803, N806 - T is T in the papers

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.value import bg_nbd, gamma_gamma
from pipelines.value.bg_nbd import BgNbdParameters
from pipelines.value.gamma_gamma import GammaGammaParameters
from pipelines.value.likelihood import FloatArray, NotConvergedError

VALUE_MODEL = "bg_nbd x gamma_gamma"
SPEND_NOT_POSITIVE = "mean spend of repeat purchases is not positive"


@dataclass(frozen=True)
class ValueModel:
    """Both fitted models, or the reason why there are none; `spend_correlation` is of purchases and mean spend.

    Gamma-Gamma takes that correlation to be nil: one far from it says that expected spend is off.
    """

    customer_count: int
    repeat_customer_count: int
    purchase: BgNbdParameters | None = None
    spend: GammaGammaParameters | None = None
    spend_correlation: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ExpectedValue:
    """One entry per customer, in the order asked; not a number where `reason`, else None, says why."""

    probability_alive: FloatArray
    purchases: FloatArray
    spend: FloatArray
    value: FloatArray
    reason: npt.NDArray[np.object_]


def fit_value_model(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    mean_spend: npt.ArrayLike,
    minimum_repeaters: int,
) -> ValueModel:
    """The models of one company, its customers in any order, one-dimensional and equally long.

    `x` repeat purchases, `t_x` time of the last one, `T` time observed, `mean_spend` of the repeat purchases (not a
    number where there are none). Customers alike are fitted as one weighted row. Below `minimum_repeaters`, counting
    those of positive mean spend, or without convergence, the model has a reason and no parameters.
    """
    x, t_x, T, mean_spend = (np.asarray(values, dtype=float) for values in (x, t_x, T, mean_spend))
    spends = (x > 0) & (mean_spend > 0)
    customers, repeaters = x.size, int(spends.sum())
    if repeaters < minimum_repeaters:
        reason = f"too few repeat customers: {repeaters}, needs {minimum_repeaters}"
        return ValueModel(customers, repeaters, reason=reason)
    # Grouping sorts: the likelihood, to its last digit, does not depend on the order of the customers.
    histories, weight = np.unique(np.column_stack((x, t_x, T)), axis=0, return_counts=True)
    pairs = np.column_stack((x[spends], mean_spend[spends]))
    pairs, pair_weight = np.unique(pairs, axis=0, return_counts=True)
    try:
        purchase = bg_nbd.fit(histories[:, 0], histories[:, 1], histories[:, 2], weight)
        spend = gamma_gamma.fit(pairs[:, 0], pairs[:, 1], pair_weight)
    except NotConvergedError as error:
        return ValueModel(customers, repeaters, reason=str(error))
    return ValueModel(customers, repeaters, purchase, spend, _correlation(pairs, pair_weight))


def expected_value(
    model: ValueModel,
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    mean_spend: npt.ArrayLike,
    horizon: float,
) -> ExpectedValue:
    """Purchases, spend and value of every customer within `horizon` after T, in the time unit of the model.

    Without a model every customer has its reason; a repeat customer whose mean spend is not positive has its own.
    """
    x, t_x, T, mean_spend = (np.asarray(values, dtype=float) for values in (x, t_x, T, mean_spend))
    if model.purchase is None or model.spend is None:
        nothing = np.full(x.size, np.nan)
        return ExpectedValue(nothing, nothing, nothing, nothing, np.full(x.size, model.reason, dtype=object))
    known = (x == 0) | (mean_spend > 0)
    purchases = bg_nbd.conditional_expected_purchases(model.purchase, horizon, x, t_x, T)
    spend = np.where(known, gamma_gamma.expected_spend(model.spend, x, mean_spend), np.nan)
    return ExpectedValue(
        probability_alive=bg_nbd.probability_alive(model.purchase, x, t_x, T),
        purchases=purchases,
        spend=spend,
        value=purchases * spend,
        reason=np.array([None if each else SPEND_NOT_POSITIVE for each in known], dtype=object),
    )


def _correlation(pairs: FloatArray, weight: npt.NDArray[np.int_]) -> float | None:
    """None where purchases or mean spend are the same for all."""
    if (np.ptp(pairs, axis=0) == 0).any():
        return None
    covariance = np.cov(pairs.T, fweights=weight)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
