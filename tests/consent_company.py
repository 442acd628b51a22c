"""A simulated company's consents, refusals, contacts and calls, put into raw tables as a gate would let them through.

A person is one customer with one telephone number, so that what is found can only differ by the consent rules.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.areas import draw_areas
from pipelines.simulator.calendar import Period, instants
from pipelines.simulator.calls import Calls, draw_calls
from pipelines.simulator.campaigns import Contacts, draw_campaigns, draw_contacts, draw_responses
from pipelines.simulator.consents import (
    ACTIONS,
    BASES,
    CHANNELS,
    PURPOSES,
    Consents,
    draw_consents,
    with_refusals,
)
from pipelines.simulator.families import draw_families
from pipelines.simulator.people import Records, draw_people, draw_records
from pipelines.simulator.permissions import Breaches, find_breaches, hold_back
from pipelines.simulator.record_versions import draw_versions
from pipelines.simulator.refusals import LISTS, Refusals, draw_refusals

SYSTEM = "simulated"
# Far from the cases' days, so that no check of a list counts for both.
PERIOD = Period(np.datetime64("2022-01-01"), np.datetime64("2022-12-31"))
_UTC = np.timedelta64(-9, "h")


@dataclass(frozen=True)
class Company:
    """What was drawn, and the truth about what should not have been sent."""

    records: Records
    contacts: Contacts
    calls: Calls
    consents: Consents
    refusals: Refusals
    breaches: Breaches


def draw_company(customers: int, seed: int) -> Company:
    """A company that asks for permission as the simulator's does."""
    generator = np.random.default_rng(seed)
    people = draw_people(customers, PERIOD, generator)
    records = draw_records(people, PERIOD, generator)
    families = draw_families(people, generator)
    versions = draw_versions(people, records, families, draw_areas(generator), PERIOD, generator)
    campaigns = draw_campaigns(PERIOD, 38, generator)
    contacts = draw_contacts(campaigns, people, records, PERIOD, generator)
    said = draw_consents(records, PERIOD, generator)
    refusals = draw_refusals(people, records, versions, PERIOD, generator)
    contacts = hold_back(contacts, records, said, refusals, generator)
    responses = draw_responses(campaigns, contacts, PERIOD, generator)
    calls = draw_calls(people, records, contacts, responses, PERIOD, generator)
    said = with_refusals(said, contacts, responses, PERIOD, generator)
    breaches = find_breaches(contacts, calls, records, said, refusals)
    return Company(records, contacts, calls, said, refusals, breaches)


def put_into(warehouse: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Beside what is there; the keys of contacts and calls are their places, those of customers the persons'."""
    contacts, calls, said, refusals = company.contacts, company.calls, company.consents, company.refusals
    people = int(company.records.person.max()) + 1
    _insert(
        warehouse,
        "branch__customers",
        customer_key=_person(np.arange(people)),
        phone=_phone(np.arange(people) + 1),
        registered_date=np.full(people, PERIOD.start),
    )
    _insert(
        warehouse,
        "consent__events",
        consent_key=text.whole(np.arange(len(said.record)), 8),
        customer_key=_person(company.records.person[said.record]),
        customer_system=_all(SYSTEM, len(said.record)),
        purpose=text.words(PURPOSES, said.purpose),
        channel=text.words(CHANNELS, said.channel),
        time_band=text.words(["day", "night"], said.is_night),
        basis=text.words(BASES, said.basis),
        action=text.words(ACTIONS, said.action),
        valid_at=said.valid + _UTC,
        recorded_at=said.recorded + _UTC,
    )
    _insert(
        warehouse,
        "consent__refusals",
        phone=_phone(refusals.person + 1),
        refusal_list=text.words(LISTS, refusals.of_list),
        checked_date=refusals.day,
    )
    _insert(
        warehouse,
        "campaign__contacts",
        contact_key=text.whole(np.arange(len(contacts.person)), 8),
        customer_key=_person(contacts.person),
        customer_system=_all(SYSTEM, len(contacts.person)),
        assignment=_all("treatment", len(contacts.person)),
        channel=text.words(v.CHANNELS, contacts.channel),
        assigned_at=contacts.assigned,
        sent_at=instants(contacts.sent, contacts.second) + _UTC,
    )
    ordered = np.flatnonzero(calls.contact >= 0)
    _insert(
        warehouse,
        "call_center__calls",
        call_key=text.whole(ordered, 8),
        customer_key=_person(contacts.person[calls.contact[ordered]]),
        customer_system=_all(SYSTEM, len(ordered)),
        direction=_all("outbound", len(ordered)),
        contact_key=text.whole(calls.contact[ordered], 8),
        contact_system=_all(SYSTEM, len(ordered)),
        attempt=calls.attempt[ordered],
        started_at=instants(calls.day[ordered], calls.second[ordered]) + _UTC,
    )


def _insert(warehouse: duckdb.DuckDBPyConnection, name: str, **columns: pa.Array | np.ndarray) -> None:
    rows = pa.table(columns)
    warehouse.register("company_rows", rows)
    warehouse.execute(
        f"insert into raw.{name} by name select '{SYSTEM}' as source_system, 'company' as batch_id, "
        "date '2022-12-31' as delivery_date, row_number() over () as row_number, * from company_rows"
    )
    warehouse.unregister("company_rows")


def _person(person: np.ndarray) -> pa.Array:
    return text.whole(person, 7, "P")


def _phone(person: np.ndarray) -> pa.Array:
    """A number of its own for everybody; 0, a stranger, is nobody's."""
    return text.whole(person, 7, "0107")


def _all(word: str, count: int) -> pa.Array:
    return text.words([word], np.zeros(count, dtype=np.int64))
