"""Consents: given at registration, taken back by telephone or at the counter, confirmed after two years."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import NO_DAY, Period, instants
from pipelines.simulator.campaigns import Contacts, Responses
from pipelines.simulator.people import Records

PURPOSES = ("marketing", "third_party", "group_sharing", "profiling")
MARKETING, THIRD_PARTY, GROUP_SHARING, PROFILING = range(4)
CHANNELS = ("sms", "email", "outbound_call", "dm", "push", "all")
ALL = CHANNELS.index("all")
BASES = ("consent", "legitimate_interest")
ACTIONS = ("granted", "withdrawn", "confirmed")
GRANTED, WITHDRAWN, CONFIRMED = range(3)
# Purpose, whether for the night, share of the records that grant it.
FORM = (
    (MARKETING, 0, 0.62),
    (MARKETING, 1, 0.12),
    (THIRD_PARTY, 0, 0.25),
    (GROUP_SHARING, 0, 0.3),
    (PROFILING, 0, 0.2),
)
WITHDRAWN_PER_YEAR = 0.08
BY_CALL = 0.7
# Silence keeps a consent: only some answer when they are asked again.
CONFIRMATION_DAYS, CONFIRMS = 730, 0.5
# Forms that wait some days before somebody types them in.
TYPED_LATE = 0.15
BRANCH, CALL_CENTER = range(2)


@dataclass(frozen=True)
class Consents:
    """One entry per change of a consent: system that records it, record, codes, and both instants."""

    system: np.ndarray
    record: np.ndarray
    purpose: np.ndarray
    channel: np.ndarray
    is_night: np.ndarray
    basis: np.ndarray
    action: np.ndarray
    valid: np.ndarray
    recorded: np.ndarray


def draw_consents(records: Records, period: Period, generator: np.random.Generator) -> Consents:
    """All that was recorded up to the end of the period, but for what campaigns are answered."""
    granted = _draw_grants(records, generator)
    gone = _draw_days_of_withdrawal(granted, period, generator)
    parts = (granted, _draw_withdrawals(granted, gone, generator), _draw_confirmations(granted, gone, generator))
    return _recorded(parts, period)


def with_refusals(
    said: Consents, contacts: Contacts, responses: Responses, period: Period, generator: np.random.Generator
) -> Consents:
    """What was said, and the answers to campaigns that take marketing back."""
    return _recorded((vars(said), _refusals(contacts, responses, generator)), period)


def _recorded(parts: tuple[dict[str, np.ndarray], ...], period: Period) -> Consents:
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    known = np.flatnonzero(merged["recorded"].astype("datetime64[D]") <= period.end)
    return Consents(**{name: values[known] for name, values in merged.items()})


def consent_deliveries(
    consents: Consents, system: int, records: Records, period: Period, numbering: Numbering = WHOLE
) -> tuple[dict, np.ndarray]:
    """A system's changes on the day they were recorded, older ones on the first day; sorted by day."""
    row = np.flatnonzero(consents.system == system)
    row = row[np.argsort(consents.recorded[row], kind="stable")]
    columns = {
        "consent_key": text.whole(numbering.of(np.arange(len(row))) + 1, 8, "CN"),
        "action": text.words(ACTIONS, consents.action[row]),
        "purpose": text.words(PURPOSES, consents.purpose[row]),
        "channel": text.words(CHANNELS, consents.channel[row]),
        "time_band": text.words(["day", "night"], consents.is_night[row]),
        "basis": text.words(BASES, consents.basis[row]),
        "customer_key": text.words(records.key, consents.record[row]),
        "valid_at": consents.valid[row],
        "recorded_at": consents.recorded[row],
    }
    return columns, np.maximum(consents.recorded[row].astype("datetime64[D]"), period.start)


def _draw_grants(records: Records, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """What each record's owner ticked on the form on the day of registration."""
    count = len(records.person)
    ticked = generator.random((len(FORM), count)) < np.array([share for _, _, share in FORM])[:, None]
    # The night is an addition to marketing.
    ticked[1] &= ticked[0]
    line, record = np.nonzero(ticked)
    purpose = np.array([purpose for purpose, _, _ in FORM])[line]
    # One form has one time, whatever is ticked on it.
    second = generator.integers(9 * 3600, 17 * 3600, count)
    minutes = np.where(
        generator.random(count) < TYPED_LATE,
        generator.integers(1440, 5 * 1440, count),
        generator.integers(1, 10, count),
    )
    valid = instants(records.registered, second)[record]
    return {
        "system": np.full(len(record), BRANCH),
        "record": record,
        "purpose": purpose,
        "channel": np.full(len(record), ALL),
        "is_night": np.array([is_night for _, is_night, _ in FORM])[line],
        "basis": ((purpose == PROFILING) & (generator.random(count) < 0.4)[record]).astype(np.int64),
        "action": np.full(len(record), GRANTED),
        "valid": valid,
        "recorded": valid + minutes[record].astype("timedelta64[m]"),
    }


def _draw_days_of_withdrawal(
    granted: dict[str, np.ndarray], period: Period, generator: np.random.Generator
) -> np.ndarray:
    """Marketing is taken back inside the period, profiling and sharing hardly ever; NaT where it is not."""
    begin = np.maximum(granted["recorded"].astype("datetime64[D]") + 1, period.start)
    years = generator.exponential(1 / WITHDRAWN_PER_YEAR, len(begin))
    day = begin + np.floor(years * 365.25).astype(np.int64)
    rarely = generator.random(len(begin)) < 0.2
    return np.where((day <= period.end) & ((granted["purpose"] == MARKETING) | rarely), day, NO_DAY)


def _draw_withdrawals(
    granted: dict[str, np.ndarray], gone: np.ndarray, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Marketing is taken back for one channel or for all."""
    place = np.flatnonzero(~np.isnat(gone))
    count = len(place)
    is_marketing = granted["purpose"][place] == MARKETING
    single = [CHANNELS.index(word) for word in ("sms", "outbound_call", "email")]
    channel = generator.choice([ALL, *single], count, p=[0.4, 0.25, 0.25, 0.1])
    valid = instants(gone[place], generator.integers(9 * 3600, 18 * 3600, count))
    return {
        **{name: values[place] for name, values in granted.items()},
        "system": np.where(generator.random(count) < BY_CALL, CALL_CENTER, BRANCH),
        "channel": np.where(is_marketing, channel, ALL),
        "action": np.full(count, WITHDRAWN),
        "valid": valid,
        "recorded": valid + generator.integers(60, 900, count).astype("timedelta64[s]"),
    }


def _draw_confirmations(
    granted: dict[str, np.ndarray], gone: np.ndarray, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """After two years marketing is asked for again; who answers confirms."""
    asked = granted["valid"].astype("datetime64[D]") + CONFIRMATION_DAYS
    answers = ~(gone <= asked) & (generator.random(len(asked)) < CONFIRMS)
    place = np.flatnonzero((granted["purpose"] == MARKETING) & answers)
    valid = granted["valid"][place] + np.timedelta64(CONFIRMATION_DAYS, "D")
    return {
        **{name: values[place] for name, values in granted.items()},
        "action": np.full(len(place), CONFIRMED),
        "valid": valid,
        "recorded": valid + generator.integers(60, 900, len(place)).astype("timedelta64[s]"),
    }


def _refusals(contacts: Contacts, responses: Responses, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Who answers a campaign with a refusal takes marketing back for its channel."""
    response = np.flatnonzero(responses.kind == v.REFUSAL)
    contact = responses.contact[response]
    of_channel = np.array([CHANNELS.index(word) if word in CHANNELS else ALL for word in v.CHANNELS])
    valid = instants(responses.day[response], responses.second[response])
    count = len(response)
    return {
        "system": np.full(count, CALL_CENTER),
        "record": contacts.record[contact],
        "purpose": np.full(count, MARKETING),
        "channel": of_channel[contacts.channel[contact]],
        "is_night": np.zeros(count, dtype=np.int64),
        "basis": np.zeros(count, dtype=np.int64),
        "action": np.full(count, WITHDRAWN),
        "valid": valid,
        "recorded": valid + generator.integers(600, 90_000, count).astype("timedelta64[s]"),
    }
