"""Refusal lists: once a month a registry says which telephone numbers must not be called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.calendar import Period
from pipelines.simulator.people import People, Records
from pipelines.simulator.record_versions import Versions, phone_text

LISTS = ("do_not_call", "own_list")
REFUSES = 0.06
# Numbers on the list that are nobody's the company knows, to each of its customers'.
STRANGERS = 0.25
OWN_LIST = 0.2
DAY_OF_MONTH = 5


@dataclass(frozen=True)
class Refusals:
    """One entry per number, list and check, sorted by day; persons are -1 for strangers."""

    person: np.ndarray
    phone: pa.Array
    of_list: np.ndarray
    day: np.ndarray


def check_days(period: Period) -> np.ndarray:
    """The fifth of each month; where the period has none, its first day."""
    months = np.arange(period.start.astype("datetime64[M]"), period.end.astype("datetime64[M]") + 1)
    days = months.astype("datetime64[D]") + (DAY_OF_MONTH - 1)
    inside = days[period.holds(days)]
    return inside if len(inside) else np.array([period.start])


def draw_refusals(
    people: People, records: Records, versions: Versions, period: Period, generator: np.random.Generator
) -> Refusals:
    """A fixed share of the people, rounded up, so that a small company has one too; each since a day of its own."""
    refusing = generator.permutation(people.count)[: int(np.ceil(REFUSES * people.count))]
    count = len(refusing)
    strangers = int(count * STRANGERS)
    since = period.end - generator.integers(0, 1500, count + strangers)
    of_list = (generator.random(count + strangers) < OWN_LIST).astype(np.int64)
    stranger = generator.integers(20_000_000, 100_000_000, count + strangers)
    person = np.concatenate([refusing, np.full(strangers, -1)])
    registered = np.where(person < 0, period.start, people.registered[person])

    days = check_days(period)
    place, check = np.nonzero((since[:, None] <= days) & (registered[:, None] <= days))
    person, day = person[place], days[check]
    record = records.first[np.maximum(person, 0)]
    number = np.where(person < 0, stranger[place], versions.values["phone"][versions.at(record, day)])
    is_firm = (person >= 0) & (people.party_type[person] == v.PARTY_TYPES.index("corporation"))
    # Two may share a number: the registry lists it once.
    _, row = np.unique(np.stack([check, of_list[place], is_firm, number]), axis=1, return_index=True)
    return Refusals(
        person=person[row],
        phone=phone_text(number[row], np.ones(len(row), dtype=np.int64), is_firm[row]),
        of_list=of_list[place][row],
        day=day[row],
    )


def refusal_deliveries(refusals: Refusals) -> tuple[dict, np.ndarray]:
    columns = {
        "phone": refusals.phone,
        "refusal_list": text.words(LISTS, refusals.of_list),
        "checked_date": refusals.day,
    }
    return columns, refusals.day
