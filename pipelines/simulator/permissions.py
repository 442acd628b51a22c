"""Whom the campaign tool may approach: what it looks up before it sends, and what it sends all the same.

It overlooks a few whose permission is missing, and it never hears of the refusals that campaigns are answered with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.simulator import vocabulary as v
from pipelines.simulator.calendar import instants
from pipelines.simulator.calls import Calls
from pipelines.simulator.campaigns import Contacts
from pipelines.simulator.consents import ALL, CHANNELS, CONFIRMED, GRANTED, MARKETING, Consents
from pipelines.simulator.people import Records
from pipelines.simulator.refusals import Refusals

OVERLOOKED = 0.01
PERMITTED = -1


@dataclass(frozen=True)
class Breaches:
    """One entry per contact that should not have been sent, of calls per attempt, else -1; reasons are not_sent's."""

    contact: np.ndarray
    attempt: np.ndarray
    reason: np.ndarray


def hold_back(
    contacts: Contacts, records: Records, said: Consents, refusals: Refusals, generator: np.random.Generator
) -> Contacts:
    """The contacts without those that the tool finds to be without permission; nothing is spent on them."""
    sent = np.flatnonzero(~np.isnat(contacts.sent))
    at = instants(contacts.sent[sent], contacts.second[sent])
    missing = missing_permission(contacts, sent, at, records, said, refusals)
    held = (missing != PERMITTED) & (generator.random(len(sent)) >= OVERLOOKED)
    place, reason = sent[held], missing[held]
    day, not_sent, cost = contacts.sent.copy(), contacts.not_sent.copy(), contacts.cost.copy()
    day[place], not_sent[place], cost[place] = np.datetime64("NaT", "D"), reason, 0
    return replace(contacts, sent=day, not_sent=not_sent, cost=cost)


def find_breaches(contacts: Contacts, calls: Calls, records: Records, said: Consents, refusals: Refusals) -> Breaches:
    """What was sent or dialled without permission, by all that was known at its instant."""
    sent = np.flatnonzero(~np.isnat(contacts.sent) & (contacts.channel != v.OUTBOUND_CALL))
    dialled = np.flatnonzero(calls.contact >= 0)
    contact = np.concatenate([sent, calls.contact[dialled]])
    attempt = np.concatenate([np.full(len(sent), -1), calls.attempt[dialled]])
    at = np.concatenate(
        [instants(contacts.sent[sent], contacts.second[sent]), instants(calls.day[dialled], calls.second[dialled])]
    )
    reason = missing_permission(contacts, contact, at, records, said, refusals)
    found = np.flatnonzero(reason != PERMITTED)
    return Breaches(contact[found], attempt[found], reason[found])


def missing_permission(
    contacts: Contacts, contact: np.ndarray, at: np.ndarray, records: Records, said: Consents, refusals: Refusals
) -> np.ndarray:
    """Per contact and local instant (datetime64[s]): what is missing, no consent before refusal list, or -1."""
    person = contacts.person[contact]
    is_call = contacts.channel[contact] == v.OUTBOUND_CALL
    consents = _is_allowed(person, contacts.channel[contact], at, records, said)
    refused = is_call & _is_listed(person, at.astype("datetime64[D]"), refusals)
    return np.select([~consents, refused], [v.NO_CONSENT, v.REFUSAL_LIST], default=PERMITTED)


def _is_allowed(
    person: np.ndarray, channel: np.ndarray, at: np.ndarray, records: Records, said: Consents
) -> np.ndarray:
    """Whether the person's last word on marketing by day, on the channel or on all, is a consent, as known at `at`."""
    word = np.flatnonzero((said.purpose == MARKETING) & (said.is_night == 0) & (said.action != CONFIRMED))
    word = word[np.argsort(records.person[said.record[word]], kind="stable")]
    speaker = records.person[said.record[word]]
    first, last = np.searchsorted(speaker, person, "left"), np.searchsorted(speaker, person, "right")
    # Every question beside every word of its person.
    count = last - first
    question = np.arange(len(person)).repeat(count)
    place = np.arange(len(question)) - (np.cumsum(count) - count).repeat(count) + first.repeat(count)
    event = word[place]
    of_channel = np.array([CHANNELS.index(name) if name in CHANNELS else ALL for name in v.CHANNELS])
    counts = (said.channel[event] == ALL) | (said.channel[event] == of_channel[channel[question]])
    counts &= said.recorded[event] <= at[question]
    question, event = question[counts], event[counts]
    order = np.lexsort((said.action[event], said.recorded[event], said.valid[event], question))
    allowed = np.zeros(len(person), dtype=bool)
    # Written in order, so the last word stays.
    allowed[question[order]] = said.action[event[order]] == GRANTED
    return allowed


def _is_listed(person: np.ndarray, day: np.ndarray, refusals: Refusals) -> np.ndarray:
    """Whether the person is on a list at the last check up to the day, or nothing was checked before it."""
    checks = np.unique(refusals.day)
    last = np.searchsorted(checks, day, "right") - 1
    entry = np.searchsorted(checks, refusals.day) + refusals.person * (len(checks) + 1)
    return (last < 0) | np.isin(last + person * (len(checks) + 1), entry[refusals.person >= 0])
