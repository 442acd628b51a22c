"""The search for a maximum likelihood, shared by the models of purchase and spend.

The module of each model says which likelihood it is, and what its parameters mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

FloatArray = npt.NDArray[np.float64]


class NotConvergedError(ValueError):
    """No maximum of the likelihood was found; the message says which model and why."""


def maximise(
    log_likelihood: Callable[[FloatArray], tuple[float, FloatArray]],
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    total_weight: float,
    model: str,
) -> tuple[FloatArray, float]:
    """The positive parameters of the highest log-likelihood, and that log-likelihood.

    `log_likelihood` takes the parameters and returns the sum over all customers and its gradient by parameter. The
    search runs over logarithms from each of `starts` in turn, always in the same order: the same data give the
    same parameters. Raises NotConvergedError when no start arrives.
    """

    def objective(logarithms: FloatArray) -> tuple[float, FloatArray]:
        parameters = np.exp(logarithms)
        value, gradient = log_likelihood(parameters)
        return -value / total_weight, -gradient * parameters / total_weight

    edges = np.log(np.asarray(bounds))
    best: tuple[FloatArray, float] | None = None
    reason = "no start value"
    for start in starts:
        result = minimize(
            objective,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=edges,
            options={"maxiter": 2000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-8},
        )
        # An abnormal end of the line search at a flat gradient is arrival: rounding hides any further rise.
        flat = bool(np.all(np.abs(_inward(result.jac, result.x, edges)) < 1e-5))
        if not (np.isfinite(result.fun) and flat):
            reason = str(result.message).strip().rstrip(".").lower()
            continue
        if best is None or result.fun < best[1]:
            best = (result.x, float(result.fun))
    if best is None:
        raise NotConvergedError(f"{model} did not converge: {reason}")
    return np.exp(best[0]), -best[1] * total_weight


def _inward(gradient: FloatArray, logarithms: FloatArray, edges: FloatArray) -> FloatArray:
    """The gradient without the parts that push a parameter over its bound."""
    over_lower = (logarithms <= edges[:, 0]) & (gradient > 0)
    over_upper = (logarithms >= edges[:, 1]) & (gradient < 0)
    return np.where(over_lower | over_upper, 0.0, gradient)
