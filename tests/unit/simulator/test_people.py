"""People and their records: names, second registrations, versions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pipelines.simulator.areas import draw_areas
from pipelines.simulator.calendar import Period
from pipelines.simulator.families import draw_families
from pipelines.simulator.names import draw_person_names, respell
from pipelines.simulator.people import People, Records, draw_people, draw_records
from pipelines.simulator.record_versions import draw_versions

PERIOD = Period(np.datetime64("2023-01-01"), np.datetime64("2023-12-31"))


@pytest.fixture(scope="module")
def drawn() -> tuple[People, Records]:
    generator = np.random.default_rng(31)
    people = draw_people(8_000, PERIOD, generator)
    return people, draw_records(people, PERIOD, generator)


def test_names_are_two_to_four_syllables_in_cp949_and_have_homonyms() -> None:
    generator = np.random.default_rng(32)
    names = draw_person_names(generator.random(20_000) < 0.5, generator).to_pylist()
    assert {len(name) for name in names} == {2, 3, 4}
    assert all(name.encode("cp949") for name in names)
    assert 0.19 < sum(name[0] == "김" for name in names) / len(names) < 0.24
    assert Counter(names).most_common(1)[0][1] > 10


def test_a_respelled_name_differs_and_stays_in_cp949() -> None:
    generator = np.random.default_rng(33)
    names = draw_person_names(generator.random(2_000) < 0.5, generator)
    respelled = respell(names, generator)
    pairs = list(zip(names.to_pylist(), respelled.to_pylist(), strict=True))
    assert all(old != new for old, new in pairs)
    assert all(new.encode("cp949") for _, new in pairs)


def test_two_or_three_percent_of_people_are_registered_twice(drawn: tuple[People, Records]) -> None:
    people, records = drawn
    twice = np.flatnonzero(records.second >= 0)
    assert 0.018 < len(twice) / people.count < 0.032
    assert (records.registered[records.second[twice]] > records.registered[records.first[twice]]).all()
    assert len(set(records.key.to_pylist())) == len(records.key)
    keys = records.person_key.to_pylist()
    both = [keys[a] == keys[b] for a, b in zip(records.first[twice], records.second[twice], strict=True) if keys[b]]
    assert both
    assert all(both)


def test_one_person_key_belongs_to_one_person(drawn: tuple[People, Records]) -> None:
    _, records = drawn
    owners: dict[str, set] = {}
    for key, person in zip(records.person_key.to_pylist(), records.person, strict=True):
        if key:
            owners.setdefault(key, set()).add(person)
    assert max(map(len, owners.values())) == 1


def test_a_version_holds_from_its_day_until_the_next(drawn: tuple[People, Records]) -> None:
    people, records = drawn
    generator = np.random.default_rng(34)
    families = draw_families(people, generator)
    versions = draw_versions(people, records, families, draw_areas(generator), PERIOD, generator)
    changed = np.flatnonzero(versions.record[1:] == versions.record[:-1]) + 1
    record, day = versions.record[changed], versions.day[changed]
    before, on = versions.at(record, day - 1), versions.at(record, day)
    assert (versions.day[before] < day).all()
    assert (versions.day[on] == day).all()
    assert (versions.at(record, np.full(len(record), PERIOD.end)) >= on).all()


def test_a_family_is_registered_behind_one_door_and_half_of_them_with_one_number(
    drawn: tuple[People, Records],
) -> None:
    people, records = drawn
    generator = np.random.default_rng(35)
    families = draw_families(people, generator)
    versions = draw_versions(people, records, families, draw_areas(generator), PERIOD, generator)
    assert len({*families.owner, *families.joiner}) == 2 * len(families.owner) > 500
    assert (people.registered[families.owner] <= people.registered[families.joiner]).all()
    owner, joiner = (
        np.searchsorted(versions.record, records.first[member]) for member in (families.owner, families.joiner)
    )
    for name in ("area", "lot", "block", "unit"):
        assert (versions.values[name][owner] == versions.values[name][joiner]).all()
    phone = versions.values["phone"]
    assert (phone[owner] == phone[joiner]).tolist() == families.shares_telephone.tolist()
    assert 0.4 < families.shares_telephone.mean() < 0.6
