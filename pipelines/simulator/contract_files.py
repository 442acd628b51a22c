"""What the branch delivers of its contracts and their holders: the opening snapshot, then changes day by day."""

from __future__ import annotations

import numpy as np

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.calendar import NO_DAY, Period
from pipelines.simulator.company import PLANS, UNITS, Company
from pipelines.simulator.contracts import Contracts
from pipelines.simulator.people import Records

HOLDER, JOINT_HOLDER = 0, 1
# Shares in per cent of the value, by main holder: alone, or with a joint holder.
ALONE, WITH_JOINT = 100, 60


def contract_deliveries(
    contracts: Contracts, records: Records, company: Company, period: Period
) -> tuple[dict, np.ndarray]:
    """One row per contract and day on which its state changed; sorted by day."""
    events = (
        contracts.signed,
        contracts.suspended,
        contracts.resumed,
        contracts.transferred,
        contracts.ended,
    )
    contract = np.tile(np.arange(len(contracts.plan)), len(events))
    day = np.concatenate(events)
    contract, day = _until(period, contract, day)
    row, delivered = _last_of_a_day(contract, day, period)
    contract, day = contract[row], day[row]
    has_ended = contracts.ended[contract] <= day
    is_suspended = (contracts.suspended[contract] <= day) & (day < contracts.resumed[contract])
    status = np.select([has_ended, is_suspended], [v.ENDED, v.SUSPENDED], default=v.ACTIVE)
    unit = np.array([plan.unit for plan in PLANS])[contracts.plan[contract]]
    columns = {
        "contract_key": text.words(contracts.key, contract),
        "customer_key": text.words(records.key, contracts.holder_on(contract, day)),
        "product_key": text.words(company.product_keys, company.retail_count + contracts.plan[contract]),
        "business_unit": text.words(UNITS, unit),
        "branch_key": text.words(company.branch_keys, contracts.branch[contract]),
        "employee_key": text.pick(
            contracts.employee[contract] < 0, None, text.whole(contracts.employee[contract], 5, "E")
        ),
        "channel": text.words(v.CHANNELS, contracts.channel[contract]),
        "signed_date": contracts.signed[contract],
        "commitment_end_date": contracts.commitment_end[contract],
        "maturity_date": contracts.maturity[contract],
        "status": text.words(v.STATUSES, status),
        "end_date": np.where(has_ended, contracts.ended[contract], NO_DAY),
        "end_reason": text.words(v.END_REASONS, np.where(has_ended, contracts.end_reason[contract], -1)),
    }
    return columns, delivered


def holder_deliveries(contracts: Contracts, records: Records, period: Period) -> tuple[dict, np.ndarray]:
    """One row when a role begins and one when it ends; sorted by day. Shares of a contract sum to 1 on any day."""
    count = len(contracts.plan)
    every = np.arange(count)
    moved = np.flatnonzero(~np.isnat(contracts.transferred))
    other = np.flatnonzero(contracts.second_role >= 0)
    main_share = np.where(contracts.second_role == JOINT_HOLDER, WITH_JOINT, ALONE)
    first_end = np.where(np.isnat(contracts.transferred), contracts.ended, contracts.transferred)
    other_share = np.where(contracts.second_role[other] == JOINT_HOLDER, 100 - WITH_JOINT, 0)
    contract = np.concatenate([every, moved, other])
    record = np.concatenate([contracts.holder, contracts.successor[moved], contracts.joint[other]])
    role = np.concatenate([np.full(count + len(moved), HOLDER), contracts.second_role[other]])
    share = np.concatenate([main_share, main_share[moved], other_share])
    begins = np.concatenate([contracts.signed, contracts.transferred[moved], contracts.signed[other]])
    ends = np.concatenate([first_end, contracts.ended[moved], contracts.ended[other]])

    spell = np.tile(np.arange(len(contract)), 2)
    day = np.concatenate([begins, ends])
    spell, day = _until(period, spell, day)
    row, delivered = _last_of_a_day(spell, day, period)
    spell, day = spell[row], day[row]
    columns = {
        "contract_key": text.words(contracts.key, contract[spell]),
        "customer_key": text.words(records.key, record[spell]),
        "holder_role": text.words(v.ROLES, role[spell]),
        "share": text.join(text.whole(share[spell] // 100), ".", text.whole(share[spell] % 100, 2)),
        "valid_from": begins[spell],
        "valid_to": np.where(ends[spell] <= day, ends[spell], NO_DAY),
    }
    return columns, delivered


def _until(period: Period, entity: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    happened = ~np.isnat(day) & (day <= period.end)
    return entity[happened], day[happened]


def _last_of_a_day(entity: np.ndarray, day: np.ndarray, period: Period) -> tuple[np.ndarray, np.ndarray]:
    """Places of the last event of each entity on each delivery day, in order of delivery, and those days."""
    delivered = np.maximum(day, period.start)
    order = np.lexsort((day, entity))
    same = (entity[order][1:] == entity[order][:-1]) & (delivered[order][1:] == delivered[order][:-1])
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = ~same
    row = order[is_last]
    row = row[np.argsort(delivered[row], kind="stable")]
    return row, delivered[row]
