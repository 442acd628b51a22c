"""The call centre: attempts that campaigns order, and calls that come in; reached or not, identified or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import DAYS_PER_MONTH, Period, instants, spread
from pipelines.simulator.campaigns import Contacts, Responses
from pipelines.simulator.families import Families
from pipelines.simulator.people import People, Records
from pipelines.simulator.record_versions import Versions, phone_text

INBOUND_PER_MONTH = 0.26
ATTEMPTS = 3
ANSWERS = 0.38
IDENTIFIED, STRANGERS = 0.85, 0.03
# Of a family member's calls that come without a customer number, those made from the other one's telephone.
BORROWS = 0.05
AGENTS = 40


@dataclass(frozen=True)
class Calls:
    """One entry per attempt, sorted by day and second; contact is -1 inbound, record -1 for strangers.

    `telephone` is the record whose number is logged.
    """

    key: pa.Array
    day: np.ndarray
    second: np.ndarray
    record: np.ndarray
    contact: np.ndarray
    attempt: np.ndarray
    disposition: np.ndarray
    reason: np.ndarray
    is_identified: np.ndarray
    telephone: np.ndarray


def draw_calls(
    people: People,
    records: Records,
    contacts: Contacts,
    responses: Responses,
    period: Period,
    generator: np.random.Generator,
    numbering: Numbering = WHOLE,
) -> Calls:
    parts = (
        _draw_outbound(contacts, responses, period, generator),
        _draw_inbound(people, records, period, generator),
    )
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((merged["second"], merged["day"]))
    key = text.whole(numbering.of(np.arange(len(order))) + 1, 9, "C")
    merged["telephone"] = merged["record"]
    return Calls(key, **{name: values[order] for name, values in merged.items()})


def borrow_telephones(calls: Calls, records: Records, families: Families, generator: np.random.Generator) -> Calls:
    """The same calls, a few of which come from the telephone of the caller's relative, once that one is registered."""
    relatives = families.relatives(len(records.first))
    lender = np.where(calls.record < 0, -1, relatives[records.person[np.maximum(calls.record, 0)]])
    lender_record = records.first[np.maximum(lender, 0)]
    borrowed = (
        (lender >= 0)
        & (calls.contact < 0)
        & ~calls.is_identified
        & (records.registered[lender_record] <= calls.day)
        & (generator.random(len(calls.day)) < BORROWS)
    )
    return replace(calls, telephone=np.where(borrowed, lender_record, calls.telephone))


def call_deliveries(
    calls: Calls,
    people: People,
    records: Records,
    contacts: Contacts,
    versions: Versions,
    generator: np.random.Generator,
) -> tuple[dict, np.ndarray]:
    """All attempts, sorted by day, with telephone numbers as the telephone system logs them."""
    count = len(calls.day)
    outbound = calls.contact >= 0
    place = versions.at(np.maximum(calls.telephone, 0), calls.day)
    stranger = generator.integers(20_000_000, 100_000_000, count)
    phone = np.where(calls.record < 0, stranger, versions.values["phone"][place])
    party = people.party_type[records.person[np.maximum(calls.record, 0)]]
    is_firm = (calls.record >= 0) & (party == v.PARTY_TYPES.index("corporation"))
    answered = calls.disposition == v.ANSWERED
    talk = np.where(answered, generator.gamma(2.0, 95.0, count), 0).astype(np.int64)
    wait = np.where(outbound, generator.integers(5, 31, count), generator.exponential(45, count).astype(int))
    agent = generator.integers(0, AGENTS, count)
    columns = {
        "call_key": calls.key,
        "direction": text.words(v.DIRECTIONS, outbound.astype(int)),
        "contact_key": text.words(contacts.key, calls.contact),
        "attempt": calls.attempt,
        "customer_key": text.words(records.key, np.where(calls.is_identified, calls.record, -1)),
        "phone": phone_text(phone, generator.choice([0, 1, 2], count, p=[0.2, 0.7, 0.1]), is_firm),
        "started_at": instants(calls.day, calls.second),
        "wait_seconds": wait,
        "talk_seconds": talk,
        "after_call_seconds": np.where(answered, generator.integers(5, 90, count), text.MISSING),
        "agent_key": text.pick(answered | outbound, text.whole(700 + agent, 5, "E"), None),
        "agent.team": text.words(["상담1팀", "상담2팀", "상담3팀"], agent % 3),
        "disposition": text.words(v.DISPOSITIONS, calls.disposition),
        "reason": text.words(v.CALL_REASONS, np.where(answered, calls.reason, -1)),
    }
    return columns, calls.day


def _draw_outbound(
    contacts: Contacts, responses: Responses, period: Period, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Up to three attempts on following days; whoever was moved to respond has been reached."""
    contact = np.flatnonzero((contacts.channel == v.OUTBOUND_CALL) & ~np.isnat(contacts.sent))
    moved = np.zeros(len(contacts.campaign), dtype=bool)
    moved[responses.contact[responses.is_caused]] = True
    answered_at = generator.geometric(ANSWERS, len(contact))
    answered_at = np.where(moved[contact], 1, answered_at)
    attempts = np.minimum(answered_at, ATTEMPTS)
    contact, answered_at = contact.repeat(attempts), answered_at.repeat(attempts)
    attempt = np.arange(len(contact)) - (np.cumsum(attempts) - attempts).repeat(attempts) + 1
    day = contacts.sent[contact] + (attempt - 1)
    second = np.where(attempt == 1, contacts.second[contact], generator.integers(9 * 3600, 20 * 3600, len(contact)))
    missed = generator.choice([v.NO_ANSWER, v.BUSY, v.VOICEMAIL], len(contact), p=[0.65, 0.2, 0.15])
    wrong = (attempt == ATTEMPTS) & (generator.random(len(contact)) < 0.1)
    disposition = np.where(attempt == answered_at, v.ANSWERED, np.where(wrong, v.WRONG_NUMBER, missed))
    made = np.flatnonzero(day <= period.end)
    contact = contact[made]
    return {
        "day": day[made],
        "second": second[made],
        "record": contacts.record[contact],
        "contact": contact,
        "attempt": attempt[made],
        "disposition": disposition[made],
        "reason": np.full(len(made), v.CAMPAIGN_REASON),
        "is_identified": np.full(len(made), True),
    }


def _draw_inbound(
    people: People, records: Records, period: Period, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Calls of customers since their registration, some not identified, and of a few strangers."""
    begin = np.maximum(people.registered, period.start)
    months = ((period.end - begin).astype(int) + 1) / DAYS_PER_MONTH
    person = np.arange(people.count).repeat(generator.poisson(INBOUND_PER_MONTH * months))
    day = spread(begin[person], np.full(len(person), period.end), generator)
    count = len(person)
    stranger = generator.random(count) < STRANGERS
    record = np.where(stranger, -1, records.of_person(person, day, generator))
    return {
        "day": day,
        "second": generator.normal(13.5 * 3600, 2.6 * 3600, count).clip(7 * 3600, 22 * 3600).astype(np.int64),
        "record": record,
        "contact": np.full(count, -1),
        "attempt": np.full(count, text.MISSING),
        "disposition": generator.choice([v.ANSWERED, v.ABANDONED, v.VOICEMAIL], count, p=[0.9, 0.08, 0.02]),
        "reason": generator.choice(6, count, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.15]),
        "is_identified": ~stranger & (generator.random(count) < IDENTIFIED),
    }
