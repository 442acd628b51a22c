"""Contracts: who signs which plan when, and how each ends, by a shifted beta-geometric.

Fader and Hardie (2007), "How to project customer retention". The monthly lines of a contract are in debits.py,
its deliveries in contract_files.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import NO_DAY, Period, add_months, spread
from pipelines.simulator.company import AGENCIES, BRANCHES, CENTERS, PLAN_SHARES, PLANS, TELECOM
from pipelines.simulator.people import People, Records

CONTRACTS_PER_PERSON = 1.7


@dataclass(frozen=True)
class Contracts:
    """One entry per contract in the order of signing; records are places in Records, days NaT where none."""

    key: pa.Array
    plan: np.ndarray
    holder: np.ndarray
    joint: np.ndarray
    second_role: np.ndarray
    successor: np.ndarray
    signed: np.ndarray
    maturity: np.ndarray
    commitment_end: np.ndarray
    ended: np.ndarray
    end_reason: np.ndarray
    suspended: np.ndarray
    resumed: np.ndarray
    transferred: np.ndarray
    branch: np.ndarray
    channel: np.ndarray
    employee: np.ndarray
    churn: np.ndarray
    monthly_amount: np.ndarray
    debit_day: np.ndarray
    response: np.ndarray

    def holder_on(self, contract: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The record that holds each contract on a day."""
        passed = self.transferred[contract] <= day
        return np.where(passed, self.successor[contract], self.holder[contract])


def draw_renewals(churn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The renewal (1, 2, ...) at which each contract is given up, geometric with its own churn probability."""
    return generator.geometric(np.maximum(churn, 1e-9))


def draw_contracts(
    people: People,
    records: Records,
    caused: dict[str, np.ndarray],
    period: Period,
    generator: np.random.Generator,
    numbering: Numbering = WHOLE,
) -> Contracts:
    """Contracts that people sign on their own, and those that campaigns caused.

    `caused` has one entry per signature that would not be there without the campaign: record, day, plan,
    channel, response.
    """
    count = generator.poisson(CONTRACTS_PER_PERSON, people.count)
    person = np.arange(people.count).repeat(count)
    registered = people.registered[person]
    early = np.minimum(registered + generator.integers(0, 60, len(person)), period.end)
    signed = np.where(
        generator.random(len(person)) < 0.6,
        early,
        spread(registered, np.full(len(person), period.end), generator),
    )
    channel = generator.choice([v.BRANCH, v.AGENCY, v.OUTBOUND_CALL, v.WEB], len(person), p=[0.5, 0.3, 0.08, 0.12])
    record = np.concatenate([records.of_person(person, signed, generator), caused["record"]])
    plan = np.concatenate([generator.choice(len(PLANS), len(person), p=PLAN_SHARES), caused["plan"]])
    channel = np.concatenate([channel, caused["channel"]])
    response = np.concatenate([np.full(len(person), -1), caused["response"]])
    signed = np.concatenate([signed, caused["day"]])
    order = np.argsort(signed, kind="stable")
    key = _keys(plan[order], numbering)
    return _live(key, plan[order], record[order], signed[order], channel[order], response[order], records, generator)


def _keys(plan: np.ndarray, numbering: Numbering) -> pa.Array:
    """The letter of the business unit, and a number in the order of signing."""
    number = numbering.of(np.arange(len(plan))) + 1
    return text.join(text.words(["R", "M", "I", "F"], _of_plan("unit")[plan]), text.whole(number, 8))


def _live(
    key: pa.Array,
    plan: np.ndarray,
    record: np.ndarray,
    signed: np.ndarray,
    channel: np.ndarray,
    response: np.ndarray,
    records: Records,
    generator: np.random.Generator,
) -> Contracts:
    count = len(plan)
    unit = _of_plan("unit")[plan]
    churn = generator.beta(_of_plan("churn_a")[plan], _of_plan("churn_b")[plan])
    # Nobody lives to see the 50th year of a contract; the cap keeps dates in range.
    months = np.minimum(draw_renewals(churn, generator) * _of_plan("renewal_months")[plan], 600)
    given_up = add_months(signed, months)
    maturity = _in_months(signed, _of_plan("maturity_months")[plan])
    matures = ~np.isnat(maturity) & (maturity <= given_up)
    reason = generator.choice([0, 2, 4, 5, 6], count, p=[0.7, 0.18, 0.03, 0.06, 0.03])
    reason = np.where((unit == TELECOM) & (reason == 0) & (generator.random(count) < 0.6), v.PORTED_OUT, reason)
    ended = np.where(matures, maturity, given_up)
    suspended = signed + generator.integers(40, 900, count)
    resumed = suspended + generator.integers(20, 60, count)
    is_suspended = (generator.random(count) < 0.04) & (resumed < ended)
    transferred = signed + generator.integers(60, 900, count)
    is_transferred = (generator.random(count) < 0.015) & (transferred < ended)
    other = _other_record(record, transferred, records, generator)
    joint = _other_record(record, signed, records, generator)
    insured = unit == 2
    loan = np.isin(plan, [n for n, known in enumerate(PLANS) if known.group == "대출"])
    chance = generator.random(count)
    second_role = np.select(
        [insured & (chance < 0.3), insured & (chance < 0.4), loan & (chance < 0.15), chance > 0.95],
        [v.ROLES.index("insured"), v.ROLES.index("beneficiary"), v.ROLES.index("guarantor"), 1],
        default=-1,
    )
    amount = _of_plan("amount")[plan] * generator.lognormal(-0.02, 0.2, count)
    return Contracts(
        key=key,
        plan=plan,
        holder=record,
        joint=joint,
        second_role=np.where(joint >= 0, second_role, -1),
        successor=other,
        signed=signed,
        maturity=maturity,
        commitment_end=_in_months(signed, _of_plan("commitment_months")[plan]),
        ended=ended,
        end_reason=np.where(matures, v.MATURED, reason),
        suspended=np.where(is_suspended, suspended, NO_DAY),
        resumed=np.where(is_suspended, resumed, NO_DAY),
        transferred=np.where(is_transferred & (other >= 0), transferred, NO_DAY),
        branch=_seller(channel, records.home_branch[record], generator),
        channel=channel,
        employee=np.where(channel == v.WEB, -1, generator.integers(100, 700, count)),
        churn=churn,
        monthly_amount=np.round(amount / 100).astype(np.int64) * 100,
        debit_day=generator.choice([5, 10, 15, 20, 25], count),
        response=response,
    )


def _of_plan(name: str) -> np.ndarray:
    return np.array([getattr(plan, name) for plan in PLANS])


def _in_months(signed: np.ndarray, months: np.ndarray) -> np.ndarray:
    return np.where(months > 0, add_months(signed, months), NO_DAY)


def _other_record(record: np.ndarray, day: np.ndarray, records: Records, generator: np.random.Generator) -> np.ndarray:
    """Somebody else who was a customer before the day; records stand in the order of registration. -1 if nobody."""
    known = np.searchsorted(records.registered, day, side="left")
    other = np.floor(generator.random(len(record)) * known).astype(int)
    same = (other == record) | (records.person[np.minimum(other, len(records.person) - 1)] == records.person[record])
    return np.where((known == 0) | same, -1, other)


def _seller(channel: np.ndarray, home: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The branch of a sale: the home branch, an agency, a customer centre for calls, none for web and post."""
    agency = BRANCHES + generator.integers(0, AGENCIES, len(channel))
    center = BRANCHES + AGENCIES + generator.integers(0, CENTERS, len(channel))
    return np.select(
        [channel == v.BRANCH, channel == v.AGENCY, np.isin(channel, [v.INBOUND_CALL, v.OUTBOUND_CALL])],
        [home, agency, center],
        default=-1,
    )
