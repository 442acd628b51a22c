"""Campaigns: an experiment whose measured lift is the one that the truth states."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.simulator import vocabulary as v
from pipelines.simulator.calendar import Period
from pipelines.simulator.campaigns import (
    CELL_A,
    CELL_B,
    CELL_CONTROL,
    Campaigns,
    Contacts,
    draw_campaigns,
    draw_contacts,
    draw_responses,
    response_lift,
)
from pipelines.simulator.people import draw_people, draw_records

PERIOD = Period(np.datetime64("2023-01-01"), np.datetime64("2023-12-31"))


@pytest.fixture(scope="module")
def drawn() -> tuple[Campaigns, Contacts, np.random.Generator]:
    generator = np.random.default_rng(41)
    people = draw_people(20_000, PERIOD, generator)
    records = draw_records(people, PERIOD, generator)
    campaigns = draw_campaigns(PERIOD, 38, generator)
    return campaigns, draw_contacts(campaigns, people, records, PERIOD, generator), generator


def test_the_control_is_one_in_five_and_never_sent(drawn: tuple) -> None:
    _, contacts, _ = drawn
    control = contacts.cell == CELL_CONTROL
    assert control.mean() == pytest.approx(0.2, abs=0.01)
    assert np.isnat(contacts.sent[control]).all()
    assert (contacts.not_sent[control] == -1).all()


def test_a_treatment_is_sent_or_has_a_reason(drawn: tuple) -> None:
    _, contacts, _ = drawn
    treated = contacts.cell != CELL_CONTROL
    assert (np.isnat(contacts.sent[treated]) == (contacts.not_sent[treated] >= 0)).all()


def test_the_measured_lift_is_the_true_one(drawn: tuple) -> None:
    campaigns, contacts, generator = drawn
    beyond = Period(PERIOD.start, PERIOD.end + 60)
    responses = draw_responses(campaigns, contacts, beyond, generator)
    answered = np.zeros(len(contacts.campaign))
    answered[responses.contact[responses.kind != v.REFUSAL]] = 1
    base = answered[contacts.cell == CELL_CONTROL].mean()
    for cell in (CELL_A, CELL_B):
        sent = (contacts.cell == cell) & ~np.isnat(contacts.sent)
        true_lift = response_lift(campaigns, contacts.campaign[sent], contacts.cell[sent]).mean()
        assert answered[sent].mean() - base == pytest.approx(true_lift, abs=0.006)


def test_only_sent_contacts_cause_responses_and_within_the_window(drawn: tuple) -> None:
    campaigns, contacts, generator = drawn
    responses = draw_responses(campaigns, contacts, PERIOD, generator)
    sent = contacts.sent[responses.contact[responses.is_caused]]
    assert not np.isnat(sent).any()
    assert (responses.day[responses.is_caused] > sent).all()
    assert (responses.day <= contacts.assigned[responses.contact] + 30).all()
    assert (responses.day <= PERIOD.end).all()
