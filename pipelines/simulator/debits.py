"""Lines that contracts bring about by themselves: monthly debits, payouts at maturity, the company's adjustments."""

from __future__ import annotations

import numpy as np

from pipelines.simulator import vocabulary as v
from pipelines.simulator.calendar import DAYS_PER_MONTH, Period, spread
from pipelines.simulator.company import FINANCE, INSURANCE, PLANS, TELECOM, Company
from pipelines.simulator.contracts import Contracts
from pipelines.simulator.lines import Lines, chosen, joined, lines

ADJUSTMENTS_PER_CONTRACT_MONTH = 0.012
# Debits are collected before dawn: in UTC that is the day before.
DEBIT_SECOND = 6 * 3600
IS_LOAN = np.array([plan.group == "대출" for plan in PLANS])
IS_SAVINGS = np.array([plan.group == "적금" for plan in PLANS])
UNIT = np.array([plan.unit for plan in PLANS])


def draw_debits(contracts: Contracts, company: Company, period: Period, generator: np.random.Generator) -> Lines:
    """One line a month from the month after signing to the end of the contract, two for a loan."""
    first = np.maximum(contracts.signed.astype("datetime64[M]") + 1, period.start.astype("datetime64[M]"))
    last = np.minimum(contracts.ended, period.end).astype("datetime64[M]")
    months = np.maximum((last - first).astype(int) + 1, 0)
    contract = np.arange(len(months)).repeat(months)
    number = np.arange(len(contract)) - (np.cumsum(months) - months)[contract]
    day = (first[contract] + number).astype("datetime64[D]") + (contracts.debit_day[contract] - 1)
    due = period.holds(day) & (day < contracts.ended[contract])
    due &= ~((contracts.suspended[contract] <= day) & (day < contracts.resumed[contract]))
    contract, day = contract[due], day[due]
    plan = contracts.plan[contract]
    amount = contracts.monthly_amount[contract]
    age = (day - contracts.signed[contract]).astype(float) / 365.25
    whole_term = np.array([max(known.maturity_months, 12) for known in PLANS])[plan] / 12
    interest = np.round(amount * 0.35 * np.maximum(1 - age / whole_term, 0.02) / 10).astype(np.int64) * 10
    is_loan = IS_LOAN[plan]
    unit = UNIT[plan]
    debit = lines(
        day,
        record=contracts.holder_on(contract, day),
        contract=contract,
        product=company.retail_count + plan,
        branch=contracts.branch[contract],
        second=DEBIT_SECOND + generator.integers(0, 1800, len(day)),
        type=np.select([unit == TELECOM, IS_SAVINGS[plan]], [v.CHARGE, v.DEPOSIT], default=v.PAYMENT),
        role=np.select([unit == TELECOM, unit == INSURANCE], [v.FEE, v.PREMIUM], default=v.PRINCIPAL),
        initiator=v.SCHEDULE,
        amount=np.where(is_loan, amount - interest, amount),
    )
    of_loan = chosen(debit, np.flatnonzero(is_loan))
    of_loan["role"] = np.full(len(of_loan["day"]), v.INTEREST)
    of_loan["amount"] = interest[is_loan]
    of_loan["second"] = of_loan["second"] + 1
    return joined([debit, of_loan, _payouts(contracts, company, period)])


def draw_adjustments(contracts: Contracts, company: Company, period: Period, generator: np.random.Generator) -> Lines:
    """Goodwill credits and corrections that the company books on running contracts."""
    begin = np.maximum(contracts.signed, period.start)
    last = np.minimum(contracts.ended, period.end)
    months = np.maximum((last - begin).astype(int), 0) / DAYS_PER_MONTH
    contract = np.arange(len(months)).repeat(generator.poisson(ADJUSTMENTS_PER_CONTRACT_MONTH * months))
    day = spread(begin[contract], last[contract], generator)
    return lines(
        day,
        record=contracts.holder_on(contract, day),
        contract=contract,
        product=company.retail_count + contracts.plan[contract],
        second=generator.integers(9 * 3600, 18 * 3600, len(day)),
        type=v.ADJUSTMENT,
        role=generator.choice([v.FEE, v.REFUND], len(day), p=[0.75, 0.25]),
        initiator=v.COMPANY,
        amount=-generator.integers(5, 200, len(day)) * 100,
    )


def _payouts(contracts: Contracts, company: Company, period: Period) -> Lines:
    """What a savings contract pays back when it matures: the deposits, and 3 per cent interest."""
    matured = (contracts.end_reason == v.MATURED) & IS_SAVINGS[contracts.plan] & period.holds(contracts.ended)
    contract = np.flatnonzero(matured & (UNIT[contracts.plan] == FINANCE))
    day = contracts.ended[contract]
    deposits = np.array([plan.maturity_months for plan in PLANS])[contracts.plan[contract]] - 1
    principal = contracts.monthly_amount[contract] * deposits
    payout = lines(
        day,
        record=contracts.holder_on(contract, day),
        contract=contract,
        product=company.retail_count + contracts.plan[contract],
        second=9 * 3600,
        type=v.WITHDRAWAL,
        role=v.PRINCIPAL,
        initiator=v.SCHEDULE,
        amount=-principal,
    )
    interest = {**payout, "role": np.full(len(day), v.INTEREST), "amount": -(principal * 3 // 100)}
    return joined([payout, interest])
