"""Gamma-Gamma against the published CDNOW figures and on made customers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.value import gamma_gamma
from pipelines.value.gamma_gamma import GammaGammaParameters
from pipelines.value.likelihood import NotConvergedError

from .conftest import Histories


@pytest.fixture(scope="module")
def repeaters(sample_histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    repeats = sample_histories.x > 0
    return sample_histories.x[repeats], sample_histories.mean_spend[repeats]


@pytest.fixture(scope="module")
def sample_fit(repeaters: tuple[np.ndarray, np.ndarray]) -> GammaGammaParameters:
    return gamma_gamma.fit(*repeaters)


def test_the_sample_has_the_published_parameters(repeaters, sample_fit: GammaGammaParameters):
    assert len(repeaters[0]) == 946
    # Published with two decimals.
    assert (sample_fit.p, sample_fit.q, sample_fit.v) == pytest.approx((6.25, 3.74, 15.44), abs=0.005)
    assert sample_fit.log_likelihood == pytest.approx(-4055.92, abs=0.01)


def test_the_population_spends_the_published_mean(sample_fit: GammaGammaParameters):
    assert gamma_gamma.population_mean(sample_fit) == pytest.approx(35.17, abs=0.005)


def test_purchases_and_spend_correlate_as_published(repeaters):
    assert np.corrcoef(*repeaters)[0, 1] == pytest.approx(0.114, abs=0.0005)


def test_identical_customers_may_be_grouped(repeaters, sample_fit: GammaGammaParameters):
    pairs, weight = np.unique(np.column_stack(repeaters), axis=0, return_counts=True)
    grouped = gamma_gamma.fit(pairs[:, 0], pairs[:, 1], weight)
    assert len(pairs) < len(repeaters[0])
    assert (grouped.p, grouped.q, grouped.v) == pytest.approx((sample_fit.p, sample_fit.q, sample_fit.v), rel=1e-4)


def test_another_currency_changes_v_alone(repeaters, sample_fit: GammaGammaParameters):
    x, mean_spend = repeaters
    won = gamma_gamma.fit(x, mean_spend * 1300)
    assert (won.p, won.q, won.v) == pytest.approx((sample_fit.p, sample_fit.q, sample_fit.v * 1300), rel=1e-4)
    assert won.log_likelihood == pytest.approx(sample_fit.log_likelihood - len(x) * np.log(1300), abs=0.01)


def test_made_customers_give_their_mean_back():
    generator = np.random.default_rng(3)
    x = 1.0 + generator.poisson(4, 20_000)
    rate = generator.gamma(4.0, 1 / 27_000, x.size)
    mean_spend = generator.gamma(6.0 * x, 1 / rate) / x
    fitted = gamma_gamma.fit(x, mean_spend)
    assert fitted.p == pytest.approx(6, rel=0.05)
    assert fitted.q == pytest.approx(4, rel=0.05)
    assert gamma_gamma.population_mean(fitted) == pytest.approx(6 * 27_000 / 3, rel=0.02)


@settings(max_examples=2 * settings().max_examples)
@given(st.floats(0.1, 50), st.floats(1.1, 50), st.floats(0.1, 1e6), st.integers(1, 1000), st.floats(0.01, 1e7))
def test_expected_spend_lies_between_the_customers_own_and_the_populations(p, q, v, x, mean_spend):
    parameters = GammaGammaParameters(p, q, v)
    between = sorted((mean_spend, gamma_gamma.population_mean(parameters)))
    spend = float(gamma_gamma.expected_spend(parameters, x, mean_spend))
    assert between[0] * (1 - 1e-9) <= spend <= between[1] * (1 + 1e-9)


def test_a_customer_without_repeats_spends_the_populations_mean(sample_fit: GammaGammaParameters):
    spend = gamma_gamma.expected_spend(sample_fit, [0, 0], [np.nan, 99])
    assert spend == pytest.approx([gamma_gamma.population_mean(sample_fit)] * 2)


def test_spend_so_uneven_that_it_has_no_mean_is_an_error():
    generator = np.random.default_rng(4)
    mean_spend = np.exp(generator.standard_cauchy(400).clip(-30, 30))
    with pytest.raises(NotConvergedError, match="no mean"):
        gamma_gamma.fit(np.ones(400), mean_spend)


@pytest.mark.parametrize(
    ("x", "mean_spend", "message"),
    [
        ([], [], "no customers"),
        ([0], [10], "repeat purchases"),
        ([1], [0], "positive mean spend"),
        ([1], [np.nan], "positive mean spend"),
        ([1, 2], [1], "equally long"),
    ],
)
def test_impossible_spend_is_refused(x, mean_spend, message):
    with pytest.raises(ValueError, match=message):
        gamma_gamma.fit(x, mean_spend)
