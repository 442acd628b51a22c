"""The company's employees: who advises, sells, leads a branch or answers calls, with the few changes to the list."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.simulator import names, text
from pipelines.simulator.calendar import NO_DAY, Period, first_days_of_quarters
from pipelines.simulator.company import AGENCIES, BRANCHES, CENTERS, LATER_LISTS, Company

ROLES = ("agent", "relationship_manager", "seller", "branch_manager", "back_office")
AGENT, MANAGER, SELLER, BRANCH_MANAGER = range(4)
# Employee numbers: managers look after customers, sellers sign contracts, agents answer calls; newer ones follow.
FIRST_MANAGER, FIRST_SELLER, FIRST_AGENT, FIRST_NEWCOMER = 100, 400, 700, 740
NEWCOMERS_PER_LIST = 3
MOVED = 0.01


def employee_keys(number: np.ndarray) -> pa.Array:
    return text.whole(number, 5, "E")


def employee_deliveries(company: Company, period: Period, generator: np.random.Generator) -> tuple[dict, np.ndarray]:
    """Each list in full: from one to the next a few move, agents are hired, and those hired before leave."""
    days = first_days_of_quarters(period, LATER_LISTS)
    number = np.arange(FIRST_MANAGER, FIRST_NEWCOMER + NEWCOMERS_PER_LIST * LATER_LISTS)
    count = len(number)
    role = np.select([number < FIRST_SELLER, number < FIRST_AGENT], [MANAGER, SELLER], default=AGENT)
    role = np.where(number < FIRST_MANAGER + BRANCHES, BRANCH_MANAGER, role)
    place = np.select(
        [role == AGENT, role == SELLER],
        [BRANCHES + AGENCIES + number % CENTERS, number % (BRANCHES + AGENCIES)],
        default=number % BRANCHES,
    )
    name = names.draw_person_names(generator.random(count) < 0.5, generator)
    # Everybody but the newcomers was there before the first customer.
    hired = period.start - 1500 - generator.integers(0, 9000, count)
    hired_by = np.maximum((number - FIRST_NEWCOMER) // NEWCOMERS_PER_LIST + 1, 0)
    # The first list has no newcomers; those of a later one leave by the list after it.
    hired = np.where(hired_by > 0, days[np.minimum(hired_by, len(days) - 1)], hired)
    moved_by = np.where(generator.random(count) < MOVED * LATER_LISTS, generator.integers(1, LATER_LISTS + 1, count), 0)
    moves_to = (place + 1) % BRANCHES

    issue = np.arange(len(days)).repeat(count)
    row = np.tile(np.arange(count), len(days))
    listed = hired_by[row] <= issue
    issue, row = issue[listed], row[listed]
    has_moved = (moved_by[row] > 0) & (moved_by[row] <= issue) & (role[row] != AGENT)
    has_left = (hired_by[row] > 0) & (hired_by[row] < issue)
    left = days[np.minimum(hired_by[row] + 1, len(days) - 1)]
    columns = {
        "employee_key": employee_keys(number[row]),
        "employee_name": name.take(pa.array(row)),
        "branch_key": text.words(company.branch_keys, np.where(has_moved, moves_to[row], place[row])),
        "role": text.words(ROLES, role[row]),
        "hired_date": hired[row],
        "left_date": np.where(has_left, left, NO_DAY),
    }
    return columns, days[issue]
