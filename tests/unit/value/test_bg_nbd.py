"""BG/NBD against the published CDNOW figures, against the paper's closed form, and on made customers."""

# ruff: noqa: N803, N806 - T is T in the paper

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import hyp2f1

from pipelines.value import bg_nbd
from pipelines.value.bg_nbd import BgNbdParameters
from pipelines.value.likelihood import NotConvergedError, maximise

from .conftest import Histories

PUBLISHED = BgNbdParameters(0.2426, 4.4136, 0.7929, 2.4259)


@pytest.fixture(scope="module")
def sample_fit(sample_histories: Histories) -> BgNbdParameters:
    return bg_nbd.fit(sample_histories.x, sample_histories.t_x, sample_histories.T)


def assert_parameters(fitted: BgNbdParameters, published: tuple[float, ...]) -> None:
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx(published, rel=1e-3)


def test_the_sample_is_summarised_as_published(sample_histories: Histories):
    assert sample_histories.x.size == 2357
    assert sample_histories.x.sum() == 2457
    assert (sample_histories.x == 0).sum() == 1411
    assert sample_histories.holdout_days == 1882


def test_the_sample_has_the_published_parameters(sample_fit: BgNbdParameters):
    assert_parameters(sample_fit, (0.2426, 4.4136, 0.7929, 2.4259))
    assert sample_fit.log_likelihood == pytest.approx(-9582.43, abs=0.01)


def test_the_full_cohort_has_the_published_parameters(master_histories: Histories):
    fitted = bg_nbd.fit(master_histories.x, master_histories.t_x, master_histories.T)
    assert_parameters(fitted, (0.2516, 4.7889, 0.7234, 2.1611))
    assert fitted.log_likelihood == pytest.approx(-95_368.44, abs=0.01)


def test_grouped_and_single_customers_have_the_same_optimum(master_histories: Histories):
    single = np.column_stack((master_histories.x, master_histories.t_x, master_histories.T))
    grouped, weight = np.unique(single, axis=0, return_counts=True)
    assert len(grouped) == 8685
    by_group = bg_nbd.fit(grouped[:, 0], grouped[:, 1], grouped[:, 2], weight)
    by_customer = bg_nbd.fit(single[:, 0], single[:, 1], single[:, 2])
    assert_parameters(by_group, (by_customer.r, by_customer.alpha, by_customer.a, by_customer.b))
    assert by_group.log_likelihood == pytest.approx(by_customer.log_likelihood, abs=1e-6)


def test_the_log_likelihoods_of_customers_sum_to_the_optimum(sample_fit: BgNbdParameters, sample_histories: Histories):
    each = bg_nbd.log_likelihood(sample_fit, sample_histories.x, sample_histories.t_x, sample_histories.T)
    assert each.sum() == pytest.approx(sample_fit.log_likelihood, abs=1e-6)


def test_a_new_customer_is_expected_to_buy_as_published(sample_fit: BgNbdParameters):
    expected = bg_nbd.expected_purchases(sample_fit, [1, 31.8571, 78])
    assert expected == pytest.approx([0.0532, 1.0405, 1.8576], rel=1e-3)


def test_a_known_customer_is_expected_to_buy_as_published(sample_fit: BgNbdParameters):
    expected = bg_nbd.conditional_expected_purchases(sample_fit, 39, 2, 30.43, 38.86)
    assert expected == pytest.approx(1.226, abs=1e-3)


def test_the_holdout_is_expected_as_published(sample_fit: BgNbdParameters, sample_histories: Histories):
    expected = bg_nbd.conditional_expected_purchases(
        sample_fit, 39, sample_histories.x, sample_histories.t_x, sample_histories.T
    )
    assert expected.sum() == pytest.approx(1653, abs=1)


def test_the_order_of_the_customers_does_not_matter(sample_histories: Histories):
    order = np.random.default_rng(1).permutation(sample_histories.x.size)
    forward = bg_nbd.fit(sample_histories.x, sample_histories.t_x, sample_histories.T)
    shuffled = bg_nbd.fit(sample_histories.x[order], sample_histories.t_x[order], sample_histories.T[order])
    assert_parameters(forward, (shuffled.r, shuffled.alpha, shuffled.a, shuffled.b))


def test_fitting_twice_gives_the_same_bits(sample_histories: Histories):
    arguments = (sample_histories.x, sample_histories.t_x, sample_histories.T)
    assert bg_nbd.fit(*arguments) == bg_nbd.fit(*arguments)


def test_made_customers_give_their_parameters_back():
    true = BgNbdParameters(r=0.8, alpha=6.0, a=0.6, b=5.0)
    x, t_x, T = made_customers(true, 20_000, np.random.default_rng(11))
    fitted = bg_nbd.fit(x, t_x, T)
    assert fitted.r == pytest.approx(true.r, rel=0.05)
    assert fitted.alpha == pytest.approx(true.alpha, rel=0.05)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(true.a / (true.a + true.b), rel=0.1)


def test_customers_who_never_leave_are_fitted_too():
    generator = np.random.default_rng(5)
    T = np.full(3000, 104.0)
    x = generator.poisson(generator.gamma(1.0, 1 / 5.0, 3000) * T).astype(float)
    t_x = np.where(x > 0, T * generator.random(3000) ** (1 / np.maximum(x, 1)), 0)
    fitted = bg_nbd.fit(x, t_x, T)
    assert fitted.r / fitted.alpha == pytest.approx(x.mean() / 104, rel=0.05)
    assert bg_nbd.probability_alive(fitted, x, t_x, T).mean() > 0.9


@pytest.mark.parametrize("parameters", [PUBLISHED, BgNbdParameters(0.8, 30, 1.3, 5)])
@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0, 0), (0, 0, 90), (3, 20, 50), (60, 100, 104), (700, 104, 104)])
@pytest.mark.parametrize("t", [0.5, 52])
def test_integration_agrees_with_the_papers_closed_form(parameters: BgNbdParameters, x: int, t_x, T, t):
    expected = bg_nbd.conditional_expected_purchases(parameters, t, x, t_x, T)
    assert expected == pytest.approx(closed_form(parameters, t, x, t_x, T), rel=1e-6)


@pytest.mark.parametrize("b", [1e-4, 0.7, 30.0, 100.0])
@pytest.mark.parametrize("a", [1e-4, 0.5, 1.0, 21.0, 100.0])
@pytest.mark.parametrize(("x", "T"), [(0, 0.0), (0, 21.75), (2500, 500.0)])
def test_expected_purchases_hold_where_the_hypergeometric_function_fails(a: float, b: float, x: int, T: float):
    parameters = BgNbdParameters(7.875, 1.0, a, b)
    expected = bg_nbd.conditional_expected_purchases(parameters, 52, x, T if x else 0, T)
    alive = bg_nbd.probability_alive(parameters, x, T if x else 0, T)
    generator = np.random.default_rng(17)
    p = np.maximum(generator.beta(a, b + x, 400_000), 1e-300)
    bought = -np.expm1(-(7.875 + x) * np.log1p(52 / (1 + T) * p)) / p
    error = bought.std() / np.sqrt(bought.size)
    assert expected == pytest.approx(alive * bought.mean(), abs=5 * alive * error + 1e-9, rel=1e-6)


def test_the_search_is_given_the_true_gradient(monkeypatch: pytest.MonkeyPatch):
    seen = {}

    def look(total, starts, bounds, total_weight, model):
        point = np.array([0.5, 6.0, 0.8, 3.0])
        seen["given"] = total(point)[1]
        seen["numeric"] = approx_fprime(point, lambda parameters: total(parameters)[0], 1e-7)
        return maximise(total, starts, bounds, total_weight, model)

    monkeypatch.setattr(bg_nbd, "maximise", look)
    x, t_x, T = made_customers(BgNbdParameters(0.8, 6, 0.6, 5), 500, np.random.default_rng(2))
    bg_nbd.fit(x, t_x, T)
    assert seen["given"] == pytest.approx(seen["numeric"], rel=1e-4, abs=1e-2)


positive = st.floats(0.05, 25)


@st.composite
def customers(draw: st.DrawFn) -> tuple[BgNbdParameters, int, float, float]:
    parameters = BgNbdParameters(draw(positive), draw(positive), draw(positive), draw(positive))
    T = draw(st.floats(0.15, 500))
    x = draw(st.integers(0, int(7 * T)))
    return parameters, x, draw(st.floats(0.01, 1)) * T if x else 0.0, T


@settings(max_examples=3 * settings().max_examples)
@given(customers())
def test_the_probability_alive_is_a_probability_and_one_without_repeats(customer):
    parameters, x, t_x, T = customer
    alive = float(bg_nbd.probability_alive(parameters, x, t_x, T))
    assert 0 <= alive <= 1
    if x == 0:
        assert alive == 1


@settings(max_examples=3 * settings().max_examples)
@given(customers())
def test_expected_purchases_are_not_negative_and_grow_with_time_but_no_faster_than_without_leaving(customer):
    parameters, x, t_x, T = customer
    times = np.array([0.0, 1.0, 13.0, 52.0])
    expected = bg_nbd.conditional_expected_purchases(parameters, times, x, t_x, T)
    never_leaving = (parameters.r + x) / (parameters.alpha + T) * times
    assert expected[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(expected) >= -1e-9 * expected[-1]).all()
    assert (expected <= never_leaving * (1 + 1e-9)).all()


@settings(max_examples=3 * settings().max_examples)
@given(positive, positive, positive, positive)
def test_a_new_customer_buys_more_in_more_time(r: float, alpha: float, a: float, b: float):
    expected = bg_nbd.expected_purchases(BgNbdParameters(r, alpha, a, b), np.array([0.0, 1, 13, 52]))
    # Where nearly everybody leaves at once, the last weeks add less than a double can hold.
    assert (np.diff(expected) >= 0).all()
    assert expected[1] > 0


@pytest.mark.parametrize(
    ("x", "t_x", "T", "message"),
    [
        ([], [], [], "no customers"),
        ([1, 2], [1], [2, 2], "equally long"),
        ([1], [3], [2], "at most T"),
        ([1], [0], [2], "0 exactly where"),
        ([-1], [1], [2], "not negative"),
        ([np.nan], [1], [2], "finite"),
    ],
)
def test_impossible_histories_are_refused(x, t_x, T, message):
    with pytest.raises(ValueError, match=message):
        bg_nbd.fit(x, t_x, T)


def test_a_likelihood_without_a_maximum_is_an_error_that_names_the_model():
    def broken(parameters):
        return float("nan"), np.full(1, np.nan)

    with pytest.raises(NotConvergedError, match="the broken model did not converge"):
        maximise(broken, [(1.0,)], [(0.1, 10.0)], 1.0, "the broken model")


def closed_form(parameters: BgNbdParameters, t: float, x: int, t_x: float, T: float) -> float:
    """Equation (10) as it is printed."""
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    hypergeometric = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    numerator = (a + b + x - 1) / (a - 1)
    numerator *= 1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * hypergeometric
    return numerator / (1 + (a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x) if x else 0))


def made_customers(
    true: BgNbdParameters, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Histories drawn from the model's own story, 26 to 104 weeks long."""
    T = generator.uniform(26, 104, count)
    rate = generator.gamma(true.r, 1 / true.alpha, count)
    leaving = generator.beta(true.a, true.b, count)
    x, t_x, clock = np.zeros(count), np.zeros(count), np.zeros(count)
    active = np.ones(count, dtype=bool)
    while active.any():
        clock = clock + generator.exponential(1 / rate)
        active &= clock <= T
        x[active] += 1
        t_x[active] = clock[active]
        active &= generator.random(count) >= leaving
    return x, t_x, T
