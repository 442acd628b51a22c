"""The purchase process against the closed forms of BG/NBD and Gamma-Gamma."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import hyp2f1

from pipelines.simulator.purchases import PurchaseModel, draw_buyers, draw_repeat_purchases, draw_spend

COUNT = 100_000


def expected_purchases(model: PurchaseModel, weeks: float) -> float:
    """E[X(t)] of Fader, Hardie and Lee (2005), equation (9)."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    inner = (alpha / (alpha + weeks)) ** r * hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks))
    return float((a + b - 1) / (a - 1) * (1 - inner))


@pytest.mark.parametrize("weeks", [13, 52, 104])
def test_mean_repeat_purchases_follow_bg_nbd(weeks: int) -> None:
    model = PurchaseModel()
    generator = np.random.default_rng(11)
    buyers = draw_buyers(COUNT, model, generator)
    buyer, _, _ = draw_repeat_purchases(buyers, np.full(COUNT, weeks * 7.0), generator)
    assert len(buyer) / COUNT == pytest.approx(expected_purchases(model, weeks), rel=0.03)


def test_nobody_buys_after_the_dropout_or_beyond_the_horizon() -> None:
    generator = np.random.default_rng(12)
    buyers = draw_buyers(2_000, PurchaseModel(), generator)
    horizon = generator.uniform(-5, 700, 2_000)
    buyer, time, dropped_at = draw_repeat_purchases(buyers, horizon, generator)
    assert (time <= dropped_at[buyer]).all()
    assert (time < horizon[buyer]).all()
    assert (np.diff(time)[np.diff(buyer) == 0] >= 0).all()
    # The dropout falls on a purchase: nobody is known to be gone before having come back once.
    gone = np.flatnonzero(np.isfinite(dropped_at))
    assert set(gone) <= set(buyer)


def test_mean_spend_follows_gamma_gamma() -> None:
    model = PurchaseModel()
    generator = np.random.default_rng(13)
    buyers = draw_buyers(COUNT, model, generator)
    spend = draw_spend(buyers, np.arange(COUNT), generator)
    assert 30_000 < model.mean_spend < 80_000
    assert spend.mean() == pytest.approx(model.mean_spend, rel=0.02)
