"""What the simulated campaign tool sends: nearly all of it is permitted, and the truth knows the rest."""

from __future__ import annotations

import numpy as np
import pytest
from consent_company import Company, draw_company

from pipelines.simulator import vocabulary as v


@pytest.fixture(scope="module")
def company() -> Company:
    return draw_company(4000, 5)


def test_one_contact_in_a_hundred_is_sent_without_permission(company: Company) -> None:
    by_call = int((company.calls.contact >= 0).sum())
    sent = by_call + int((~np.isnat(company.contacts.sent) & (company.contacts.channel != v.OUTBOUND_CALL)).sum())
    assert 0.003 < len(company.breaches.contact) / sent < 0.02


def test_two_in_five_are_held_back_for_want_of_consent_and_cost_nothing(company: Company) -> None:
    contacts = company.contacts
    held = np.isin(contacts.not_sent, [v.NO_CONSENT, v.REFUSAL_LIST])
    treated = held | ~np.isnat(contacts.sent)
    assert 0.3 < held.sum() / treated.sum() < 0.5
    assert (contacts.cost[held] == 0).all()
    assert np.isnat(contacts.sent[held]).all()


def test_only_calls_are_held_back_by_a_refusal_list(company: Company) -> None:
    listed = company.contacts.not_sent == v.REFUSAL_LIST
    assert listed.sum() > 20
    assert (company.contacts.channel[listed] == v.OUTBOUND_CALL).all()
