"""How customer records change: addresses, telephones, segments, home branches; and what the branch delivers of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.areas import Areas
from pipelines.simulator.calendar import Period, spread
from pipelines.simulator.company import BRANCHES, Company
from pipelines.simulator.families import Families
from pipelines.simulator.people import People, Records

CHANGES_PER_YEAR = 0.35
ADDRESS, PHONE, SEGMENT, SERVICE = range(4)
ATTRIBUTES = {
    ADDRESS: ("area", "lot", "block", "unit"),
    PHONE: ("phone", "phone_form"),
    SEGMENT: ("occupation", "income"),
    SERVICE: ("branch", "manager"),
}
ESTATES = ["래미안", "자이", "푸르지오", "힐스테이트", "현대", "주공", "한양", "삼성"]
# Larger than any day number since 1970, so that record and day fit into one sortable number.
DAY_RANGE = 100_000
FULL_WIDTH_ZERO = 0xFF10


@dataclass(frozen=True)
class Versions:
    """One entry per state of a record, sorted by record and day; `values` holds the attributes' codes."""

    record: np.ndarray
    day: np.ndarray
    values: dict[str, np.ndarray]
    address: pa.Array

    def at(self, record: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The place of each record's version on a day; the first version before it began."""
        key = self.record * DAY_RANGE + self.day.astype(np.int64)
        found = np.searchsorted(key, record * DAY_RANGE + day.astype(np.int64), side="right") - 1
        return np.maximum(found, np.searchsorted(self.record, record))


def draw_versions(
    people: People,
    records: Records,
    families: Families,
    areas: Areas,
    period: Period,
    generator: np.random.Generator,
) -> Versions:
    """The state at registration and after each change inside the period."""
    count = len(records.person)
    begin = np.maximum(records.registered, period.start) + 1
    years = np.maximum((period.end - begin).astype(int) + 1, 0) / 365.25
    changes = generator.poisson(CHANGES_PER_YEAR * years)
    record = np.concatenate([np.arange(count), np.arange(count).repeat(changes)])
    changed_on = spread(begin.repeat(changes), np.full(changes.sum(), period.end), generator)
    day = np.concatenate([records.registered, changed_on])
    kind = np.concatenate([np.full(count, -1), generator.choice(4, changes.sum(), p=[0.4, 0.3, 0.2, 0.1])])
    order = np.lexsort((kind, day, record))
    record, day, kind = record[order], day[order], kind[order]
    drawn = _draw_values(len(record), areas, generator)
    drawn["branch"] = np.where(kind < 0, records.home_branch[record], drawn["branch"])
    _share_in_families(drawn, np.flatnonzero(kind < 0), records, families)
    _share_between_records(drawn, np.flatnonzero(kind < 0), people, records, generator)
    values: dict[str, np.ndarray] = {}
    place = np.arange(len(record))
    for group, attributes in ATTRIBUTES.items():
        # The latest row that set the attribute; the first row of every record sets all of them.
        source = np.maximum.accumulate(np.where((kind < 0) | (kind == group), place, 0))
        values |= {name: drawn[name][source] for name in attributes}
    return Versions(record, day, values, _addresses(values, areas))


def phone_text(phone: np.ndarray, form: np.ndarray, is_firm: np.ndarray) -> pa.Array:
    """Telephone numbers in the forms people write them in; firms have numbers of a city."""
    front, back = text.whole(phone // 10_000, 4), text.whole(phone % 10_000, 4)
    city = text.words(["02", "031", "051", "053"], phone % 4)
    prefix = text.pick(is_firm, city, "010")
    plain = text.join(prefix, "-", front, "-", back)
    forms = [
        plain,
        text.join(prefix, front, back),
        text.join("+82 ", pc.utf8_slice_codeunits(prefix, start=1), " ", front, " ", back),
        text.join(prefix, ".", front, ".", back),
        _full_width(plain),
    ]
    shown = plain
    for number, written in enumerate(forms):
        shown = text.pick(form == number, written, shown)
    return shown


def customer_deliveries(
    people: People, records: Records, versions: Versions, company: Company, period: Period
) -> tuple[dict, np.ndarray]:
    """The opening snapshot on the first day, then new records and changes on their days; sorted by day."""
    delivered = np.maximum(versions.day, period.start)
    last = np.append((versions.record[1:] != versions.record[:-1]) | (delivered[1:] != delivered[:-1]), True)
    row = np.flatnonzero(last)
    row = row[np.argsort(delivered[row], kind="stable")]
    record = versions.record[row]
    person = records.person[record]
    value = {name: codes[row] for name, codes in versions.values.items()}
    is_firm = people.party_type[person] == v.PARTY_TYPES.index("corporation")
    taken = pa.array(record)
    columns = {
        "customer_key": records.key.take(taken),
        "person_key": records.person_key.take(taken),
        "site_key": text.pick(is_firm, None, _site_keys(records.person_key).take(taken)),
        "party_type": text.words(v.PARTY_TYPES, people.party_type[person]),
        "customer_name": records.name.take(taken),
        "sex": text.words(v.SEXES, np.where(is_firm, -1, people.is_male[person])),
        "birth_date": people.birth[person],
        "birth_calendar": text.words(v.CALENDARS, people.calendar[person]),
        "phone": phone_text(value["phone"], value["phone_form"], is_firm),
        "email": records.email.take(taken),
        "address": versions.address.take(pa.array(row)),
        "area_key": text.words(company.areas.key, value["area"]),
        "occupation": text.words(v.OCCUPATIONS, np.where(is_firm, -1, value["occupation"])),
        "income_band": text.words(v.INCOME_BANDS, np.where(is_firm, -1, value["income"])),
        "branch_key": text.words(company.branch_keys, value["branch"]),
        "manager_key": text.whole(value["manager"], 5, "E"),
        "acquisition_channel": text.words(v.CHANNELS, records.channel[record]),
        "registered_date": records.registered[record],
    }
    return columns, delivered[row]


def _draw_values(count: int, areas: Areas, generator: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "area": generator.choice(len(areas.key), count, p=areas.share),
        "lot": generator.integers(1, 900, count),
        "block": generator.integers(101, 125, count),
        "unit": generator.integers(1, 25, count) * 100 + generator.integers(1, 5, count),
        "phone": generator.integers(20_000_000, 100_000_000, count),
        "phone_form": generator.choice(5, count, p=[0.72, 0.15, 0.06, 0.06, 0.01]),
        "occupation": generator.choice(len(v.OCCUPATIONS), count, p=[0.42, 0.16, 0.08, 0.07, 0.12, 0.06, 0.03, 0.06]),
        "income": generator.choice(len(v.INCOME_BANDS), count, p=[0.24, 0.3, 0.26, 0.14, 0.06]),
        "branch": generator.integers(0, BRANCHES, count),
        "manager": generator.integers(100, 400, count),
    }


def _share_between_records(
    drawn: dict[str, np.ndarray],
    base: np.ndarray,
    people: People,
    records: Records,
    generator: np.random.Generator,
) -> None:
    """A second record mostly repeats the person's address, telephone and segment."""
    twice = np.flatnonzero(records.second >= 0)
    source, target = base[records.first[twice]], base[records.second[twice]]
    for group in (ADDRESS, PHONE, SEGMENT):
        kept = generator.random(len(twice)) < 0.7
        for name in ATTRIBUTES[group]:
            if name != "phone_form":
                drawn[name][target[kept]] = drawn[name][source[kept]]


def _share_in_families(drawn: dict[str, np.ndarray], base: np.ndarray, records: Records, families: Families) -> None:
    """Who joins a family is registered with its address, and half of them with its telephone number."""
    source, target = base[records.first[families.owner]], base[records.first[families.joiner]]
    for name in ATTRIBUTES[ADDRESS]:
        drawn[name][target] = drawn[name][source]
    shares = families.shares_telephone
    drawn["phone"][target[shares]] = drawn["phone"][source[shares]]


def _addresses(values: dict[str, np.ndarray], areas: Areas) -> pa.Array:
    area, lot = values["area"], values["lot"]
    return text.join(
        text.words(areas.province, area), " ", text.words(areas.district, area), " ", text.words(areas.town, area),
        " ", text.whole(lot), "-", text.whole(lot % 17 + 1), ", ", text.words(ESTATES, (lot + area) % len(ESTATES)),
        "아파트 ", text.whole(values["block"]), "동 ", text.whole(values["unit"]), "호",
    )  # fmt: skip


def _full_width(written: pa.Array) -> pa.Array:
    for digit in range(10):
        written = pc.replace_substring(written, str(digit), chr(FULL_WIDTH_ZERO + digit))
    return written


def _site_keys(person_key: pa.Array) -> pa.Array:
    """DI-like keys (64 characters) for whoever has a person key."""
    return pc.utf8_slice_codeunits(pc.utf8_reverse(person_key), 2, 66)
