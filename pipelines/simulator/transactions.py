"""Purchases as transaction lines, their returns, and the delivery of all lines of the branch system."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import Period, instants
from pipelines.simulator.company import AGENCIES, BRANCHES, CENTERS, Company
from pipelines.simulator.contracts import Contracts
from pipelines.simulator.lines import Lines, chosen, lines
from pipelines.simulator.people import Records
from pipelines.simulator.text import MISSING

RETURNED = 0.03
DISCOUNTED = 0.15
MARGIN_STATED = 0.6
SMALLEST_AMOUNT = 100


def draw_purchase_lines(
    baskets: dict[str, np.ndarray], records: Records, company: Company, generator: np.random.Generator
) -> Lines:
    """One to three lines per basket, whole tens of won. Baskets: record, day, value in won, response (or -1)."""
    count = len(baskets["record"])
    size = generator.choice([1, 2, 3], count, p=[0.45, 0.35, 0.2])
    second = generator.integers(9 * 3600, 21 * 3600, count)
    channel = generator.choice([v.BRANCH, v.WEB, v.AGENCY, v.INBOUND_CALL], count, p=[0.68, 0.2, 0.07, 0.05])
    # The web never closes.
    second = np.where(channel == v.WEB, generator.integers(0, 86_400, count), second)
    branch = np.select(
        [channel == v.BRANCH, channel == v.AGENCY, channel == v.INBOUND_CALL],
        [
            records.home_branch[baskets["record"]],
            BRANCHES + generator.integers(0, AGENCIES, count),
            BRANCHES + AGENCIES + generator.integers(0, CENTERS, count),
        ],
        default=-1,
    )
    basket = np.arange(count).repeat(size)
    weight = generator.gamma(2.0, 1.0, len(basket))
    total = np.bincount(basket, weight, minlength=count)
    tens = np.round(baskets["value"][basket] * weight / total[basket] / 10).astype(np.int64)
    amount = np.maximum(tens * 10, SMALLEST_AMOUNT)
    product = np.floor(company.retail_count * generator.random(len(basket)) ** 1.4).astype(np.int64)
    discounted = generator.random(len(basket)) < DISCOUNTED
    discount = np.round(amount * generator.uniform(0.05, 0.25, len(basket)) / 10).astype(np.int64) * 10
    rate = company.retail_margins[product] * generator.uniform(0.85, 1.15, len(basket))
    margin = np.round(amount * rate).astype(np.int64)
    initiator = np.where(generator.random(count) < 0.9, v.CUSTOMER, -1)
    return lines(
        baskets["day"][basket],
        record=baskets["record"][basket],
        product=product,
        branch=branch[basket],
        second=second[basket],
        type=v.PURCHASE,
        role=v.SALE,
        initiator=initiator[basket],
        channel=channel[basket],
        quantity=generator.choice([1, 2, 3], len(basket), p=[0.8, 0.15, 0.05]),
        amount=amount,
        discount=np.where(discounted, discount, MISSING),
        margin=np.where(generator.random(len(basket)) < MARGIN_STATED, margin, MISSING),
        response=baskets["response"][basket],
    )


def draw_returns(purchases: Lines, period: Period, generator: np.random.Generator) -> Lines:
    """A few lines come back whole within 20 days, as negative lines of the same product."""
    returned = np.flatnonzero(generator.random(len(purchases["day"])) < RETURNED)
    line = chosen(purchases, returned)
    line["day"] = line["day"] + generator.integers(1, 21, len(returned))
    for name in ("quantity", "amount", "discount", "margin"):
        line[name] = np.where(line[name] == MISSING, MISSING, -line[name])
    line["second"] = generator.integers(10 * 3600, 19 * 3600, len(returned))
    line["type"] = np.full(len(returned), v.RETURN)
    line["role"] = np.full(len(returned), v.REFUND)
    line["response"] = np.full(len(returned), -1)
    return chosen(line, np.flatnonzero(line["day"] <= period.end))


def transaction_keys(sorted_lines: Lines, numbering: Numbering = WHOLE) -> pa.Array:
    """T, the day, and the number of the line within the day."""
    day = sorted_lines["day"]
    number = numbering.of(np.arange(len(day)) - np.searchsorted(day, day, side="left")) + 1
    return text.join("T", text.days(day, "%Y%m%d"), "-", text.whole(number, 6))


def transaction_deliveries(
    sorted_lines: Lines, keys: pa.Array, records: Records, contracts: Contracts, company: Company
) -> tuple[dict, np.ndarray]:
    """All lines, sorted by day; a line is delivered on the day it happened."""
    of = sorted_lines
    columns = {
        "transaction_key": keys,
        "customer_key": text.words(records.key, of["record"]),
        "contract_key": text.words(contracts.key, of["contract"]),
        "product_key": text.words(company.product_keys, of["product"]),
        "branch_key": text.words(company.branch_keys, of["branch"]),
        "transacted_at": instants(of["day"], of["second"]),
        "transaction_type": text.words(v.TRANSACTION_TYPES, of["type"]),
        "amount_role": text.words(v.AMOUNT_ROLES, of["role"]),
        "initiated_by": text.words(v.INITIATORS, of["initiator"]),
        "channel": text.words(v.CHANNELS, of["channel"]),
        "quantity": of["quantity"],
        "amount": of["amount"],
        "discount_amount": of["discount"],
        "margin_amount": of["margin"],
    }
    return columns, of["day"]
