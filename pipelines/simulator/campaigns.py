"""Campaigns: who is selected, who is held back as a control, who is sent, and what that causes.

The control is drawn before any suppression, so a comparison by assignment is a fair experiment. What a campaign
truly causes is known here and goes to the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import Period
from pipelines.simulator.company import PLANS
from pipelines.simulator.people import People, Records

DAYS_BETWEEN = 28
SELECTED, CONTROL, NOT_SENT, REFUSES = 0.42, 0.2, 0.08, 0.015
WINDOW_DAYS = 30
ROTATION = (v.DM, v.OUTBOUND_CALL, v.EMAIL, v.SMS)
COST = {v.DM: 900, v.OUTBOUND_CALL: 1500, v.EMAIL: 5, v.SMS: 20}
# Print and postage are spent before the vendor finds that an address is wrong.
COST_OF_UNSENT = {v.DM: 400, v.OUTBOUND_CALL: 0, v.EMAIL: 0, v.SMS: 0}
CELL_A, CELL_B, CELL_CONTROL = range(3)
CELLS = ("A", "B", "control")
# How much stronger the second cell's offer works.
CELL_B_FACTOR = 1.5


@dataclass(frozen=True)
class Campaigns:
    """One entry per campaign; offer counts in company.PLANS where is_plan, else among the retail products."""

    key: pa.Array
    launch: np.ndarray
    channel: np.ndarray
    purpose: np.ndarray
    is_plan: np.ndarray
    offer: np.ndarray
    base: np.ndarray
    lift: np.ndarray


@dataclass(frozen=True)
class Contacts:
    """One entry per selected person and campaign; sent days are NaT for controls and unsent treatments."""

    key: pa.Array
    campaign: np.ndarray
    person: np.ndarray
    record: np.ndarray
    cell: np.ndarray
    channel: np.ndarray
    assigned: np.ndarray
    second: np.ndarray
    sent: np.ndarray
    not_sent: np.ndarray
    cost: np.ndarray


@dataclass(frozen=True)
class Responses:
    """One entry per response; is_caused says that it would not exist without the treatment."""

    contact: np.ndarray
    kind: np.ndarray
    day: np.ndarray
    second: np.ndarray
    is_caused: np.ndarray


def draw_campaigns(period: Period, retail_count: int, generator: np.random.Generator) -> Campaigns:
    """A campaign every four weeks, the last early enough to be sent before the period ends."""
    first = period.start + min(10, period.days // 4)
    launch = np.arange(first, max(period.end - 3, first), DAYS_BETWEEN)
    number = np.arange(len(launch))
    purpose = (number + number // 4) % 4
    is_plan = np.isin(purpose, [1, 3])
    base = generator.uniform(0.02, 0.045, len(launch))
    offer = np.where(
        is_plan,
        generator.integers(0, len(PLANS), len(launch)),
        generator.integers(0, retail_count, len(launch)),
    )
    key = text.join("CMP", text.days(launch, "%Y%m%d"))
    lift = generator.uniform(0.025, 0.07, len(launch))
    return Campaigns(key, launch, np.resize(ROTATION, len(launch)), purpose, is_plan, offer, base, lift)


def response_lift(campaigns: Campaigns, campaign: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """What being sent adds to the probability of a response, by campaign and cell."""
    factor = np.select([cell == CELL_A, cell == CELL_B], [1.0, CELL_B_FACTOR], default=0.0)
    return campaigns.lift[campaign] * factor


def draw_contacts(
    campaigns: Campaigns,
    people: People,
    records: Records,
    period: Period,
    generator: np.random.Generator,
    numbering: Numbering = WHOLE,
) -> Contacts:
    """Selection, assignment, suppression but for want of permission, sending: in this order."""
    shape = (len(campaigns.launch), people.count)
    selected = (people.registered < campaigns.launch[:, None]) & (generator.random(shape) < SELECTED)
    campaign, person = np.nonzero(selected)
    count = len(campaign)
    chance = generator.random(count)
    cell = np.where(chance < CONTROL, CELL_CONTROL, CELL_A + generator.integers(0, 2, count))
    assigned = campaigns.launch[campaign]
    channel = campaigns.channel[campaign]
    suppressed = (cell != CELL_CONTROL) & (generator.random(count) < NOT_SENT)
    wait = np.select([channel == v.DM, channel == v.OUTBOUND_CALL], [2, generator.integers(1, 4, count)], default=1)
    is_sent = (cell != CELL_CONTROL) & ~suppressed & (assigned + wait <= period.end)
    reason = generator.choice([v.FREQUENCY_CAP, v.INVALID_ADDRESS, v.VENDOR_FAILURE], count, p=[0.5, 0.3, 0.2])
    cost = np.select([channel == code for code in COST], list(COST.values()))
    unsent_cost = np.select([channel == code for code in COST], list(COST_OF_UNSENT.values()))
    record = records.of_person(person, assigned, generator)
    number = numbering.of(np.arange(count) - np.searchsorted(campaign, campaign, side="left")) + 1
    return Contacts(
        key=text.join(text.words(campaigns.key, campaign), "-", text.whole(number, 6)),
        campaign=campaign,
        person=person,
        record=record,
        cell=cell,
        channel=channel,
        assigned=assigned,
        second=generator.integers(9 * 3600 + 1800, 18 * 3600, count),
        sent=np.where(is_sent, assigned + wait, np.datetime64("NaT", "D")),
        not_sent=np.where((cell != CELL_CONTROL) & ~is_sent, reason, -1),
        cost=np.where(cell == CELL_CONTROL, text.MISSING, np.where(is_sent, cost, unsent_cost)),
    )


def draw_responses(
    campaigns: Campaigns, contacts: Contacts, period: Period, generator: np.random.Generator
) -> Responses:
    """Responses that come anyway, to controls too; those that sending causes; refusals of those who were sent."""
    count = len(contacts.campaign)
    is_sent = ~np.isnat(contacts.sent)
    base = campaigns.base[contacts.campaign]
    lift = np.where(is_sent, response_lift(campaigns, contacts.campaign, contacts.cell), 0.0)
    chance = generator.random(count)
    anyway, caused = chance < base, (chance >= base) & (chance < base + lift)
    refused = is_sent & ~anyway & ~caused & (generator.random(count) < REFUSES)
    contact = np.flatnonzero(anyway | caused | refused)
    is_caused, is_refusal = caused[contact], refused[contact]
    is_plan = campaigns.is_plan[contacts.campaign[contact]]
    draw = generator.random(len(contact))
    wanted = np.select(
        [is_plan & (draw < 0.6), is_plan & (draw < 0.8), ~is_plan & (draw < 0.7)],
        [v.CONTRACT, v.APPLICATION, v.REDEMPTION],
        default=v.INQUIRY,
    )
    unasked = np.where(draw < 0.65, v.INQUIRY, v.APPLICATION)
    begin = np.where(np.isnat(contacts.sent[contact]), contacts.assigned[contact] + 2, contacts.sent[contact])
    delay = 1 + np.minimum(generator.exponential(8, len(contact)), WINDOW_DAYS - 5).astype(int)
    day = begin + delay
    seen = np.flatnonzero(day <= period.end)
    kind = np.select([is_refusal, is_caused], [v.REFUSAL, wanted], default=unasked)
    second = generator.integers(9 * 3600, 21 * 3600, len(contact))
    return Responses(contact[seen], kind[seen], day[seen], second[seen], is_caused[seen])
