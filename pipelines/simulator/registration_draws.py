"""What is drawn for simulated registrations: people, their homes and numbers, and how each record departs from them.

Codes and days alone, as Arrow tables; `registration_text.py` writes them down.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.simulator import names, text
from pipelines.simulator.areas import Areas

START, END = np.datetime64("2024-01-01"), np.datetime64("2025-12-31")
SYSTEMS = {"branch": 0.40, "telco": 0.25, "dm": 0.20, "call_center": 0.15}

# How many records people have: 2.5 each on average.
RECORDS_PER_PERSON = {1: 0.25, 2: 0.30, 3: 0.24, 4: 0.12, 5: 0.09}
FIRST_DAY_SHARE, LAST_DAY_SHARE = 0.3, 0.004

CORPORATION_SHARE, OWNER_SHARE = 0.01, 0.02
HOUSEHOLD_MEMBER_SHARE, SAME_SURNAME_SHARE = 0.20, 0.6

# The dirt that the acceptance of the matching is stated at: shares of people (the last two) or of records.
NAME_ERROR, NO_BIRTH_DATE, WRONG_BIRTH_DATE = 0.03, 0.15, 0.02
NO_PHONE, CHANGED_PHONE, NO_EMAIL, MOVED = 0.20, 0.05, 0.50, 0.10
FAMILY_PHONE, REISSUED_NUMBER = 0.05, 0.01

FLAT_SHARE, FLATS_PER_COMPLEX, UNIT_LEFT_OUT = 0.8, 300, 0.08
ROAD_SHARE = 0.75

# A number is given back for this long before another has it.
DAYS_BETWEEN_OWNERS = 60
MOBILE_NUMBERS = 100_000_000


def draw_people(count: int, generator: np.random.Generator) -> pa.Table:
    """One row per person or corporation.

    `head` is whose home and, with `shares_surname`, whose surname it is; `number_before` is dialled until
    `number_changed`, `number_after` from then on (all three of the head, where they share one telephone).
    """
    is_corporation = generator.random(count) < CORPORATION_SHARE
    is_male = generator.random(count) < 0.5
    # Ages of 19 to 86 with the mode near 50, as the customers of people.py have them.
    birth = START - ((generator.beta(2.2, 2.6, count) * 67 + 19) * 365.25).astype(int)
    name = text.pick(
        is_corporation,
        names.draw_company_names(count, generator),
        names.draw_person_names(is_male, generator),
    )
    head, shares_phone = _draw_households(is_corporation, generator)
    before, after, changed = _draw_numbers(head, shares_phone, is_corporation, generator)
    return pa.table(
        {
            "person": np.arange(count),
            "name": name,
            "is_corporation": is_corporation,
            "is_owner": ~is_corporation & (generator.random(count) < OWNER_SHARE),
            "shop": names.draw_shop_names(count, generator),
            "is_male": is_male,
            "birth_date": pa.array(np.where(is_corporation, np.datetime64("NaT"), birth)),
            "head": head,
            "shares_surname": (head != np.arange(count)) & (generator.random(count) < SAME_SURNAME_SHARE),
            "number_before": before,
            "number_after": after,
            "number_other": _number(2 * count + np.arange(count)),
            "number_changed": pa.array(changed),
        }
    )


def draw_homes(count: int, areas: Areas, generator: np.random.Generator) -> pa.Table:
    """Where people live: home n is person n's (or that of those whose head it is), and count + n its other one.

    Most are flats in complexes of about FLATS_PER_COMPLEX; all flats of a complex have its road and its numbers.
    """
    homes = 2 * count
    area = generator.choice(len(areas.share), homes, p=areas.share)
    is_flat = generator.random(homes) < FLAT_SHARE
    complexes = np.maximum(1, (areas.share * homes * FLAT_SHARE / FLATS_PER_COMPLEX).astype(int))
    # What is drawn of a place: for a flat that of its complex, so all come from the complex's own seed.
    place = np.where(
        is_flat, area * 1_000_003 + generator.integers(0, complexes[area]), generator.integers(1 << 40, 1 << 41, homes)
    )
    return pa.table(
        {
            "home": np.arange(homes),
            "area": area.astype(np.int16),
            "is_flat": is_flat,
            "is_road": _mixed(place, 1) % 100 < ROAD_SHARE * 100,
            "road": (_mixed(place, 2) % 24).astype(np.int8),
            "side_road": (_mixed(place, 3) % 60).astype(np.int8),
            "number": (_mixed(place, 4) % 400 + 1).astype(np.int16),
            "minor": (_mixed(place, 5) % 40).astype(np.int8),
            "building": generator.integers(101, 116, homes, dtype=np.int16),
            "unit": generator.integers(1, 21, homes, dtype=np.int16) * 100
            + generator.integers(1, 7, homes, dtype=np.int16),
        }
    )


def draw_records(count: int, keyed_share: float, generator: np.random.Generator) -> pa.Table:
    """One row per record of `count` people, 2.5 for each, in the order of delivery; LAST_DAY_SHARE on the last day."""
    sizes = np.repeat(
        list(RECORDS_PER_PERSON), np.round(np.array(list(RECORDS_PER_PERSON.values())) * count).astype(int)
    )
    sizes = generator.permutation(np.resize(sizes, count))
    person = np.repeat(np.arange(count), sizes)
    records = len(person)
    order = generator.permutation(records)
    person, is_last = person[order], (np.cumsum(sizes)[person] - 1 == np.arange(records))[order]
    first, last = round(records * FIRST_DAY_SHARE), round(records * LAST_DAY_SHARE)
    between = np.sort(generator.integers(1, (END - START).astype(int), records - first - last))
    day = np.concatenate([np.zeros(first, dtype=int), between, np.full(last, (END - START).astype(int))])
    phone, birth = generator.random(records), generator.random(records)
    columns = {
        "record": np.arange(records),
        "person": person,
        "is_last": is_last,
        "system": generator.choice(len(SYSTEMS), records, p=list(SYSTEMS.values())).astype(np.int8),
        "first_delivery_date": pa.array(START + day),
        "has_name_error": generator.random(records) < NAME_ERROR,
        "birth_is_missing": birth < NO_BIRTH_DATE,
        "birth_is_wrong": (birth >= NO_BIRTH_DATE) & (birth < NO_BIRTH_DATE + WRONG_BIRTH_DATE),
        "phone_is_missing": phone < NO_PHONE,
        "phone_is_other": (phone >= NO_PHONE) & (phone < NO_PHONE + CHANGED_PHONE),
        "email_is_missing": generator.random(records) < NO_EMAIL,
        "has_moved": generator.random(records) < MOVED,
        "unit_is_left_out": generator.random(records) < UNIT_LEFT_OUT,
        "is_keyed": generator.random(records) < keyed_share,
    }
    # How each is written down.
    for column in ("name_shape", "birth_shape", "phone_shape", "email_shape", "address_shape", "error_shape"):
        columns[column] = generator.integers(0, 100, records, dtype=np.int8)
    return pa.table(columns)


def _draw_households(is_corporation: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each person's head (itself, where it is one), and whether it shares the head's telephone."""
    count = len(is_corporation)
    head = np.arange(count)
    person = generator.permutation(np.flatnonzero(~is_corporation))
    members = person[: round(count * HOUSEHOLD_MEMBER_SHARE)]
    heads = person[len(members) :]
    if len(heads):
        head[members] = heads[generator.integers(0, len(heads), len(members))]
    shares_phone = np.zeros(count, dtype=bool)
    shares_phone[members[: round(count * FAMILY_PHONE)]] = True
    return head, shares_phone


def _draw_numbers(
    head: np.ndarray, shares_phone: np.ndarray, is_corporation: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each person's number before and after the day it changed, and that day (NaT: never).

    A number that is re-issued is its first owner's until the day that owner takes a new one, and from
    DAYS_BETWEEN_OWNERS later on the second owner's, who had another before.
    """
    count = len(head)
    before = _number(np.arange(count))
    after = before.copy()
    changed = np.full(count, np.datetime64("NaT"), dtype="datetime64[D]")
    own = generator.permutation(np.flatnonzero(~is_corporation & ~shares_phone))
    pairs = min(round(count * REISSUED_NUMBER), len(own) // 2)
    first, second = own[:pairs], own[pairs : 2 * pairs]
    longest = (END - START).astype(int) - DAYS_BETWEEN_OWNERS
    changed[first] = START + generator.integers(30, longest - 30, pairs)
    changed[second] = changed[first] + DAYS_BETWEEN_OWNERS
    after[first] = _number(count + first)
    after[second] = before[first]
    owner = np.where(shares_phone, head, np.arange(count))
    return before[owner], after[owner], changed[owner]


def _number(place: np.ndarray) -> np.ndarray:
    """The eight digits after 010 of the number at each place; no two places have the same."""
    return (place.astype(np.int64) * 61_803_399 + 14_142_135) % MOBILE_NUMBERS


def _mixed(place: np.ndarray, salt: int) -> np.ndarray:
    """A number as if drawn at random, the same for the same place (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = place.astype(np.uint64) + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(8)).astype(np.int64)
