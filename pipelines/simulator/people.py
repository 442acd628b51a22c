"""People, the customer records that stand for them, and how those records change.

A person may have two records. Nothing here buys, calls or signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import names, text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import NO_DAY, Period, spread
from pipelines.simulator.company import BRANCHES

TWICE_REGISTERED = 0.025
BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8)


@dataclass(frozen=True)
class People:
    """One entry per person, sole proprietor or corporation; codes count in vocabulary.py, -1 means none."""

    party_type: np.ndarray
    is_male: np.ndarray
    birth: np.ndarray
    calendar: np.ndarray
    registered: np.ndarray
    name: pa.Array
    person_key: pa.Array
    email: pa.Array

    @property
    def count(self) -> int:
        return len(self.party_type)


@dataclass(frozen=True)
class Records:
    """One entry per customer record of the branch system, in the order of registration and of the keys."""

    key: pa.Array
    person: np.ndarray
    registered: np.ndarray
    name: pa.Array
    person_key: pa.Array
    email: pa.Array
    channel: np.ndarray
    home_branch: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def of_person(self, person: np.ndarray, day: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The record a person is served under on a day: either one, once there are two."""
        second = self.second[person]
        known = (second >= 0) & (self.registered[second] <= day)
        return np.where(known & (generator.random(len(person)) < 0.5), second, self.first[person])


def draw_people(count: int, period: Period, generator: np.random.Generator, numbering: Numbering = WHOLE) -> People:
    """Half were customers before the period, up to four years; the others come evenly during it."""
    party = generator.choice(3, count, p=[0.92, 0.05, 0.03])
    is_male = generator.random(count) < 0.5
    age_days = (generator.beta(2.2, 2.6, count) * 67 + 19) * 365.25
    birth = period.start - age_days.astype(int)
    is_corporation = party == v.PARTY_TYPES.index("corporation")
    older = period.start - 1 - np.floor(1460 * generator.random(count) ** 1.3).astype(int)
    newer = spread(np.full(count, period.start), np.full(count, period.end), generator)
    person_name = names.draw_person_names(is_male, generator)
    shop = text.join(names.draw_shop_names(count, generator), " ", person_name)
    name = text.pick(is_corporation, names.draw_company_names(count, generator), person_name)
    name = text.pick(party == v.PARTY_TYPES.index("sole_proprietor"), shop, name)
    lunar = (birth < np.datetime64("1975-01-01")) & (generator.random(count) < 0.15)
    mailbox = text.join("customer", text.whole(numbering.of(generator.permutation(count * 7)[:count])), "@example.com")
    return People(
        party_type=party,
        is_male=is_male,
        birth=np.where(is_corporation, NO_DAY, birth),
        calendar=np.where(is_corporation, -1, lunar.astype(int)),
        registered=np.where(generator.random(count) < 0.5, older, newer),
        name=name,
        person_key=_draw_person_keys(party, generator),
        email=text.pick(generator.random(count) < 0.55, mailbox, None),
    )


def draw_records(
    people: People, period: Period, generator: np.random.Generator, numbering: Numbering = WHOLE
) -> Records:
    """One record per person, and a second one, spelled differently, for a few."""
    count = people.count
    latest = np.full(count, period.end)
    again = spread(np.minimum(people.registered + 20, latest), latest, generator)
    twice = (generator.random(count) < TWICE_REGISTERED) & (people.registered + 20 <= period.end)
    person = np.concatenate([np.arange(count), np.flatnonzero(twice)])
    is_second = np.arange(len(person)) >= count
    registered = np.concatenate([people.registered, again[twice]])
    order = np.argsort(registered, kind="stable")
    person, is_second, registered = person[order], is_second[order], registered[order]
    name, key = people.name.take(pa.array(person)), people.person_key.take(pa.array(person))
    respelled = is_second & (generator.random(len(person)) < 0.8)
    keyless = is_second & (generator.random(len(person)) < 0.5)
    mailless = is_second & (generator.random(len(person)) < 0.5)
    place = np.arange(len(person))
    first, second = np.empty(count, dtype=np.int64), np.full(count, -1)
    first[person[~is_second]] = place[~is_second]
    second[person[is_second]] = place[is_second]
    return Records(
        # Leading zeros, as old number ranges have them: a reader that guesses a number loses the customer.
        key=text.whole(numbering.of(place) * 3 + 1007, 8),
        person=person,
        registered=registered,
        name=text.pick(respelled, names.respell(name, generator), name),
        person_key=text.pick(keyless, None, key),
        email=text.pick(mailless, None, people.email.take(pa.array(person))),
        channel=generator.choice(8, len(person), p=[0.46, 0.2, 0.05, 0.08, 0.06, 0.02, 0.02, 0.11]),
        home_branch=generator.integers(0, BRANCHES, len(person)),
        first=first,
        second=second,
    )


def _draw_person_keys(party: np.ndarray, generator: np.random.Generator) -> pa.Array:
    """CI-like keys (88 characters) for most persons, business registration numbers for firms, else null."""
    count = len(party)
    letters = BASE64[generator.integers(0, 64, (count, 86))]
    letters = np.concatenate([letters, np.full((count, 2), ord("="), dtype=np.uint8)], axis=1)
    offsets = pa.py_buffer((np.arange(count + 1, dtype=np.int32) * 88).tobytes())
    ci = pa.StringArray.from_buffers(count, offsets, pa.py_buffer(np.ascontiguousarray(letters).tobytes()))
    office, kind = generator.integers(101, 900, count), generator.integers(1, 90, count)
    serial = generator.permutation(100_000 + 3 * count)[:count] % 100_000 // 10
    number = text.join(
        text.whole(office),
        "-",
        text.whole(kind, 2),
        "-",
        text.whole(serial * 10 + _check_digit((office * 100 + kind) * 10_000 + serial), 5),
    )
    known = generator.random(count)
    return text.pick(known < np.where(party == 0, 0.6, 0.9), text.pick(party == 0, ci, number), None)


def _check_digit(first_nine: np.ndarray) -> np.ndarray:
    """The tenth digit of business registration numbers (National Tax Service): weights 1 3 7 1 3 7 1 3 5, modulo 10."""
    digits = first_nine[:, None] // 10 ** np.arange(8, -1, -1) % 10
    total = (digits * [1, 3, 7, 1, 3, 7, 1, 3, 5]).sum(axis=1) + digits[:, 8] * 5 // 10
    return (10 - total % 10) % 10
