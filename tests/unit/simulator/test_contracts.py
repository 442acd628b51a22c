"""Contracts: retention against its closed form, holders' shares, order of events."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import beta

from pipelines.simulator.areas import draw_areas
from pipelines.simulator.calendar import Period, add_months
from pipelines.simulator.company import PLANS, draw_company
from pipelines.simulator.contract_files import contract_deliveries, holder_deliveries
from pipelines.simulator.contracts import Contracts, draw_contracts, draw_renewals
from pipelines.simulator.people import Records, draw_people, draw_records

PERIOD = Period(np.datetime64("2023-01-01"), np.datetime64("2024-06-30"))


@pytest.fixture(scope="module")
def signed() -> tuple[Contracts, Records]:
    generator = np.random.default_rng(21)
    people = draw_people(3_000, PERIOD, generator)
    records = draw_records(people, PERIOD, generator)
    none = np.array([], dtype=np.int64)
    caused = dict.fromkeys(("record", "plan", "channel", "response"), none)
    caused["day"] = none.astype("datetime64[D]")
    return draw_contracts(people, records, caused, PERIOD, generator), records


@pytest.mark.parametrize("plan", PLANS[:5], ids=lambda plan: plan.name)
def test_retention_follows_the_shifted_beta_geometric(plan: object) -> None:
    generator = np.random.default_rng(22)
    churn = generator.beta(plan.churn_a, plan.churn_b, 200_000)
    renewals = draw_renewals(churn, generator)
    for number in (1, 3, 6, 12, 24):
        closed_form = beta(plan.churn_a, plan.churn_b + number) / beta(plan.churn_a, plan.churn_b)
        assert (renewals > number).mean() == pytest.approx(closed_form, abs=0.005)


def test_a_contract_ends_at_a_renewal_or_matures(signed: tuple[Contracts, Records]) -> None:
    contracts, _ = signed
    matured = contracts.end_reason == 1
    assert matured.any()
    assert (contracts.ended[matured] == contracts.maturity[matured]).all()
    running = ~np.isnat(contracts.maturity)
    assert (contracts.ended[running] <= contracts.maturity[running]).all()
    months = np.array([known.renewal_months for known in PLANS])[contracts.plan]
    passed = (contracts.ended.astype("datetime64[M]") - contracts.signed.astype("datetime64[M]")).astype(int)
    assert (passed[~matured] % months[~matured] == 0).all()


def test_shares_of_a_contract_sum_to_one_while_it_runs(signed: tuple[Contracts, Records]) -> None:
    contracts, records = signed
    columns, _ = holder_deliveries(contracts, records, PERIOD)
    latest: dict[tuple, tuple] = {}
    names = ("contract_key", "customer_key", "holder_role")
    rows = zip(*(columns[name].to_pylist() for name in names), columns["valid_from"], strict=True)
    for key, share, until in zip(rows, columns["share"].to_pylist(), columns["valid_to"], strict=True):
        latest[key] = (float(share), until)
    totals: dict[str, float] = {}
    for (contract, _, _, _), (share, until) in latest.items():
        if np.isnat(until):
            totals[contract] = totals.get(contract, 0.0) + share
    running = contracts.key.filter(contracts.ended > PERIOD.end).to_pylist()
    assert {key: pytest.approx(1.0) for key in running} == totals


def test_a_state_is_delivered_once_a_day_and_in_order(signed: tuple[Contracts, Records]) -> None:
    contracts, records = signed
    company = draw_company(draw_areas(np.random.default_rng(1)))
    columns, day = contract_deliveries(contracts, records, company, PERIOD)
    keys = list(zip(columns["contract_key"].to_pylist(), day, strict=True))
    assert len(keys) == len(set(keys))
    assert (np.diff(day).astype(int) >= 0).all()
    assert PERIOD.holds(day).all()
    ended = np.array(columns["status"].to_pylist()) == "ended"
    assert (np.isnat(columns["end_date"]) == ~ended).all()


def test_months_later_is_at_most_the_28th() -> None:
    days = np.array(["2023-01-31", "2023-12-05"], dtype="datetime64[D]")
    assert add_months(days, 1).tolist() == [np.datetime64("2023-02-28").item(), np.datetime64("2024-01-05").item()]
