"""The direct mail (DM) vendor: pieces for customers and prospects, in the vendor's spelling, and the replies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import names, text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import Period
from pipelines.simulator.campaigns import CELLS, Campaigns, Contacts, Responses
from pipelines.simulator.people import Records
from pipelines.simulator.record_versions import Versions

PROSPECTS = 0.06
RESPELLED, KEY_LOST, CONTACT_LOST = 0.12, 0.06, 0.08
PIECE_COST = 900
# The others answer the campaign tool: by web or telephone.
ANSWERS_BY_POST = 0.7


@dataclass(frozen=True)
class Mailings:
    """One entry per piece, sorted by day; contact and record are -1 for prospects."""

    key: pa.Array
    campaign: np.ndarray
    contact: np.ndarray
    record: np.ndarray
    day: np.ndarray
    recipient: pa.Array
    address: pa.Array
    has_customer_key: np.ndarray
    has_contact_key: np.ndarray


def draw_mailings(
    contacts: Contacts,
    records: Records,
    versions: Versions,
    generator: np.random.Generator,
    numbering: Numbering = WHOLE,
) -> Mailings:
    """A piece for every sent contact of a DM campaign, and a few for bought addresses of prospects."""
    own = np.flatnonzero((contacts.channel == v.DM) & ~np.isnat(contacts.sent))
    copied = own[generator.random(len(own)) < PROSPECTS]
    contact = np.concatenate([own, np.full(len(copied), -1)])
    # A prospect's piece goes out with the campaign of the contact it stands beside.
    beside = np.concatenate([own, copied])
    order = np.argsort(contacts.sent[beside], kind="stable")
    contact, beside = contact[order], beside[order]
    day, record = contacts.sent[beside], contacts.record[beside]
    count, prospect = len(contact), contact < 0
    own_name = records.name.take(pa.array(record))
    respelled = text.pick(generator.random(count) < RESPELLED, names.respell(own_name, generator), own_name)
    strangers = names.draw_person_names(generator.random(count) < 0.5, generator)
    place = versions.at(record, day)
    stranger_place = generator.integers(0, len(versions.record), count)
    address = versions.address.take(pa.array(np.where(prospect, stranger_place, place)))
    for long, short in (
        ("특별자치시", "시"),
        ("특별자치도", "도"),
        ("특별시", "시"),
        ("광역시", "시"),
        ("아파트", "APT"),
    ):
        address = pc.replace_substring(address, long, short)
    return Mailings(
        key=text.whole(numbering.of(np.arange(count)) + 1, 8, "DM"),
        campaign=contacts.campaign[beside],
        contact=contact,
        record=np.where(prospect, -1, record),
        day=day,
        recipient=text.pick(prospect, strangers, respelled),
        address=address,
        has_customer_key=~prospect & (generator.random(count) >= KEY_LOST),
        has_contact_key=~prospect & (generator.random(count) >= CONTACT_LOST),
    )


def mailing_deliveries(
    mailings: Mailings, contacts: Contacts, campaigns: Campaigns, records: Records
) -> tuple[dict, np.ndarray]:
    """All pieces, sorted by the day they were dropped."""
    cell = np.where(mailings.contact < 0, -1, contacts.cell[mailings.contact])
    columns = {
        "mailing_key": mailings.key,
        "campaign_key": text.words(campaigns.key, mailings.campaign),
        "contact_key": text.words(contacts.key, np.where(mailings.has_contact_key, mailings.contact, -1)),
        "customer_key": text.words(records.key, np.where(mailings.has_customer_key, mailings.record, -1)),
        "recipient_name": mailings.recipient,
        "address": mailings.address,
        "cell": text.words(CELLS, cell),
        "mailed_date": mailings.day,
        "cost_amount": np.full(len(mailings.day), PIECE_COST),
    }
    return columns, mailings.day


def answers_by_post(responses: Responses, contacts: Contacts, generator: np.random.Generator) -> np.ndarray:
    """Which responses come back to the vendor as replies, so that no response is delivered twice."""
    mailed = (contacts.channel == v.DM) & ~np.isnat(contacts.sent)
    return mailed[responses.contact] & (generator.random(len(responses.contact)) < ANSWERS_BY_POST)


def reply_deliveries(
    responses: Responses,
    by_post: np.ndarray,
    mailings: Mailings,
    records: Records,
    results: tuple[pa.Array, pa.Array],
    period: Period,
    generator: np.random.Generator,
    numbering: Numbering,
) -> tuple[dict, np.ndarray]:
    """Replies of customers and, with an inquiry, of one prospect in twenty; sorted by day."""
    answered = np.flatnonzero(by_post)
    piece_of_contact = np.full(max(responses.contact.max(initial=0), mailings.contact.max(initial=0)) + 1, -1)
    own = np.flatnonzero(mailings.contact >= 0)
    piece_of_contact[mailings.contact[own]] = own
    prospects = np.flatnonzero((mailings.contact < 0) & (generator.random(len(mailings.day)) < 0.05))
    prospect_day = mailings.day[prospects] + generator.integers(2, 20, len(prospects))
    prospects, prospect_day = prospects[prospect_day <= period.end], prospect_day[prospect_day <= period.end]
    none = np.full(len(prospects), -1)
    response = np.concatenate([answered, none])
    piece = np.concatenate([piece_of_contact[responses.contact[answered]], prospects])
    day = np.concatenate([responses.day[answered], prospect_day])
    kind = np.concatenate([responses.kind[answered], np.full(len(prospects), v.INQUIRY)])
    order = np.argsort(day, kind="stable")
    response, piece, day, kind = response[order], piece[order], day[order], kind[order]
    contract_keys, transaction_keys = results
    known = mailings.has_customer_key[piece]
    columns = {
        "reply_key": text.whole(numbering.of(np.arange(len(piece))) + 1, 7, "RP"),
        "mailing_key": text.words(mailings.key, piece),
        "customer_key": text.words(records.key, np.where(known, mailings.record[piece], -1)),
        "response_type": text.words(v.RESPONSE_TYPES, kind),
        "replied_date": day,
        "contract_key": text.words(contract_keys, response),
        "transaction_key": text.words(transaction_keys, response),
    }
    return columns, day
