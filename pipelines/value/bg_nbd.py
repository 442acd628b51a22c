"""How often a customer buys, and whether still: the BG/NBD model of Fader, Hardie and Lee (2005).

"Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD Model", Marketing Science 24 (2). What a
purchase brings is `gamma_gamma.py`.
"""

# ruff: noqa: N803, N806 - T is T in the paper

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, expit, gammaln

from pipelines.value.likelihood import FloatArray, maximise

STARTS = ((1.0, 10.0, 1.0, 3.0), (0.3, 3.0, 0.5, 2.0), (2.0, 2.0, 0.1, 3.0))
# Beyond these a distribution is as good as a point, and the likelihood flat.
BOUNDS = ((1e-4, 1e3), (0.01, 1e5), (1e-4, 100.0), (1e-4, 100.0))
# Fine against the narrowest distribution that BOUNDS allow; rows integrated at once, to bound memory.
LOGIT_STEP = 0.1
CHUNK = 1000


@dataclass(frozen=True)
class BgNbdParameters:
    """Purchase rates are Gamma(r, alpha) per unit of time, chances of leaving after a purchase Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")


def log_likelihood(
    parameters: BgNbdParameters,
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
) -> FloatArray:
    """Log-likelihood of each customer, shape of `x`; equation (6) in logarithms."""
    x, t_x, T = (np.asarray(values, dtype=float) for values in (x, t_x, T))
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    shared += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    stayed = -(r + x) * np.log(alpha + T)
    return shared + np.logaddexp(stayed, _left(r, alpha, a, b, x, t_x))


def fit(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
) -> BgNbdParameters:
    """Maximum likelihood parameters, in the time unit of `t_x` and `T`.

    `x` repeat purchases, `t_x` time from the first to the last purchase (0 where x is 0) and `T` time from the first
    purchase to the end of observation are one-dimensional and equally long; `weight` counts the customers that share
    a row. Raises ValueError on impossible input, NotConvergedError where no maximum is found.
    """
    x, t_x, T = (np.asarray(values, dtype=float) for values in (x, t_x, T))
    weight = np.ones_like(x) if weight is None else np.asarray(weight, dtype=float)
    _check(x, t_x, T, weight)

    def total(parameters: FloatArray) -> tuple[float, FloatArray]:
        r, alpha, a, b = parameters
        shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        shared += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        stayed = -(r + x) * np.log(alpha + T)
        left = _left(r, alpha, a, b, x, t_x)
        either = np.logaddexp(stayed, left)
        share_left = np.exp(left - either)
        repeated = np.where(x > 0, b + x - 1, 1.0)
        gradient = (
            digamma(r + x)
            - digamma(r)
            + np.log(alpha)
            - (1 - share_left) * np.log(alpha + T)
            - share_left * np.log(alpha + t_x),
            r / alpha - (r + x) * ((1 - share_left) / (alpha + T) + share_left / (alpha + t_x)),
            digamma(a + b) - digamma(a + b + x) + share_left / a,
            digamma(a + b) + digamma(b + x) - digamma(b) - digamma(a + b + x) - share_left / repeated,
        )
        # Not weight @ ...: a sum shared out between threads would differ in its last digits between machines.
        return float(np.sum(weight * (shared + either))), np.array([np.sum(weight * part) for part in gradient])

    parameters, highest = maximise(total, STARTS, BOUNDS, float(weight.sum()), "the BG/NBD purchase model")
    r, alpha, a, b = (float(value) for value in parameters)
    return BgNbdParameters(r, alpha, a, b, log_likelihood=highest)


def expected_purchases(parameters: BgNbdParameters, t: npt.ArrayLike) -> FloatArray:
    """Expected repeat purchases of a new customer within time `t`, shape of `t`; equation (9)."""
    return _purchases_while_alive(parameters, np.asarray(t, dtype=float), np.asarray(0.0), np.asarray(0.0))


def conditional_expected_purchases(
    parameters: BgNbdParameters,
    t: npt.ArrayLike,
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
) -> FloatArray:
    """Expected purchases within time `t` after `T`, given a customer's past; equation (10).

    The arguments broadcast against each other.
    """
    t, x, t_x, T = (np.asarray(values, dtype=float) for values in (t, x, t_x, T))
    return probability_alive(parameters, x, t_x, T) * _purchases_while_alive(parameters, t, x, T)


def probability_alive(
    parameters: BgNbdParameters,
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
) -> FloatArray:
    """Probability that a customer has not left by `T`; 1 where x is 0, for BG/NBD lets nobody leave unbought.

    Fader, Hardie and Lee (2008), "Computing P(alive) Using the BG/NBD Model"; the denominator of equation (10).
    """
    x, t_x, T = (np.asarray(values, dtype=float) for values in (x, t_x, T))
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    stayed = -(r + x) * np.log(alpha + T)
    return expit(stayed - _left(r, alpha, a, b, x, t_x))


def _left(r: float, alpha: float, a: float, b: float, x: FloatArray, t_x: FloatArray) -> FloatArray:
    """Logarithm of the share of the likelihood that belongs to leaving at the last purchase."""
    repeated = np.where(x > 0, b + x - 1, 1.0)
    return np.where(x > 0, np.log(a) - np.log(repeated) - (r + x) * np.log(alpha + t_x), -np.inf)


def _purchases_while_alive(
    parameters: BgNbdParameters,
    t: FloatArray,
    x: FloatArray,
    T: FloatArray,
) -> FloatArray:
    """The numerator of equation (10); with x = T = 0 it is equation (9).

    A customer who leaves with probability p after each purchase buys (1 - (1 + u p)^-(r + x)) / p times, where
    u = t / (alpha + T); this is its mean over p ~ Beta(a, b + x). The paper writes that mean with the hypergeometric
    function, of which scipy's returns, for customers seen briefly, nothing or silently the wrong number.
    """
    shape = np.broadcast_shapes(t.shape, x.shape, T.shape)
    columns = (parameters.b + x, parameters.r + x, t / (parameters.alpha + T))
    flat = np.column_stack([np.broadcast_to(column, shape).ravel() for column in columns])
    distinct, position = np.unique(flat, axis=0, return_inverse=True)
    means = [
        _mean_over_leaving(parameters.a, *(distinct[start : start + CHUNK, [column]] for column in range(3)))
        for start in range(0, len(distinct), CHUNK)
    ]
    return np.concatenate([*means, np.empty(0)])[position.ravel()].reshape(shape)


def _mean_over_leaving(a: float, stays: FloatArray, purchases: FloatArray, u: FloatArray) -> FloatArray:
    """Mean of (1 - (1 + u p)^-purchases) / p over p ~ Beta(a, stays); the arguments after `a` are columns.

    The trapezoidal rule over logit(p), which converges exponentially there; beyond the grid both tails are powers.
    """
    lowest = -30 - np.log(1 + float(stays.max()) + float((purchases * u).max()))
    logit = np.arange(lowest, 30, LOGIT_STEP)
    log_p, log_q = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    weight = a * log_p + stays * log_q
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    weight[:, [0]] *= 0.5 + 1 / (a * LOGIT_STEP)
    weight[:, [-1]] *= 0.5 + 1 / (stays * LOGIT_STEP)
    p = np.exp(log_p)
    bought = -np.expm1(-purchases * np.log1p(u * p)) / p
    return (weight * bought).sum(axis=1) / weight.sum(axis=1)


def _check(x: FloatArray, t_x: FloatArray, T: FloatArray, weight: FloatArray) -> None:
    if not x.shape == t_x.shape == T.shape == weight.shape or x.ndim != 1:
        raise ValueError("x, t_x, T and weight must be one-dimensional and equally long")
    if x.size == 0:
        raise ValueError("no customers to fit the BG/NBD purchase model to")
    columns = (x, t_x, T, weight)
    if not all(np.isfinite(column).all() and (column >= 0).all() for column in columns):
        raise ValueError("x, t_x, T and weight must be finite and not negative")
    if (t_x > T).any() or ((x == 0) != (t_x == 0)).any():
        raise ValueError("t_x must be at most T, and 0 exactly where x is 0")
