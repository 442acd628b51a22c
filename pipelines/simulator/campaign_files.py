"""What the campaign tool delivers: its list of campaigns, its contacts as they become, the responses it sees."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import Numbering
from pipelines.simulator.calendar import instants
from pipelines.simulator.campaigns import CELL_CONTROL, CELLS, WINDOW_DAYS, Campaigns, Contacts, Responses
from pipelines.simulator.company import Company
from pipelines.simulator.people import Records

PURPOSE_WORDS = ("유지", "확대", "활성화", "신규")


def campaign_deliveries(campaigns: Campaigns, company: Company) -> tuple[dict, np.ndarray]:
    """At each launch the whole list of campaigns so far; sorted by day."""
    issue, row = np.tril_indices(len(campaigns.launch))
    product = np.where(campaigns.is_plan, company.retail_count + campaigns.offer, campaigns.offer)
    name = text.join(
        text.days(campaigns.launch).cast(pa.string()),
        " ",
        text.words(PURPOSE_WORDS, campaigns.purpose),
        " 캠페인",
    )
    columns = {
        "campaign_key": text.words(campaigns.key, row),
        "campaign_name": text.words(name, row),
        "campaign_type": text.words(["상품", "판촉"], (~campaigns.is_plan[row]).astype(int)),
        "purpose": text.words(v.PURPOSES, campaigns.purpose[row]),
        "channel": text.words(v.CHANNELS, campaigns.channel[row]),
        "product_key": text.words(company.product_keys, product[row]),
        "start_date": campaigns.launch[row],
        "end_date": campaigns.launch[row] + WINDOW_DAYS,
        "response_window_days": np.full(len(row), WINDOW_DAYS),
    }
    return columns, campaigns.launch[issue]


def contact_deliveries(contacts: Contacts, campaigns: Campaigns, records: Records) -> tuple[dict, np.ndarray]:
    """One row per contact once its fate is known: controls at the launch, treatments when sent or held back."""
    is_control = contacts.cell == CELL_CONTROL
    known = np.where(np.isnat(contacts.sent), contacts.assigned + np.where(is_control, 0, 1), contacts.sent)
    contact = np.argsort(known, kind="stable")
    columns = {
        "contact_key": text.words(contacts.key, contact),
        "campaign_key": text.words(campaigns.key, contacts.campaign[contact]),
        "customer_key": text.words(records.key, contacts.record[contact]),
        "cell": text.words(CELLS, contacts.cell[contact]),
        "assignment": text.words(v.ASSIGNMENTS, is_control[contact].astype(int)),
        "channel": text.words(v.CHANNELS, contacts.channel[contact]),
        "assigned_at": instants(contacts.assigned[contact], np.full(len(contact), 8 * 3600 + 1800)),
        "sent_at": instants(contacts.sent[contact], contacts.second[contact]),
        "not_sent_reason": text.words(v.NOT_SENT_REASONS, contacts.not_sent[contact]),
        "cost_amount": contacts.cost[contact],
    }
    return columns, known[contact]


def response_deliveries(
    responses: Responses,
    chosen: np.ndarray,
    contacts: Contacts,
    campaigns: Campaigns,
    records: Records,
    results: tuple[pa.Array, pa.Array],
    numbering: Numbering,
) -> tuple[dict, np.ndarray]:
    """The chosen responses, sorted by day; `results` are contract and transaction keys by response."""
    row = chosen[np.lexsort((responses.second[chosen], responses.day[chosen]))]
    contact = responses.contact[row]
    contract_keys, transaction_keys = results
    columns = {
        "response_key": text.whole(numbering.of(np.arange(len(row))) + 1, 8, "RS"),
        "contact_key": text.words(contacts.key, contact),
        "campaign_key": text.words(campaigns.key, contacts.campaign[contact]),
        "customer_key": text.words(records.key, contacts.record[contact]),
        "response_type": text.words(v.RESPONSE_TYPES, responses.kind[row]),
        "responded_at": instants(responses.day[row], responses.second[row]),
        "contract_key": text.words(contract_keys, row),
        "transaction_key": text.words(transaction_keys, row),
    }
    return columns, responses.day[row]
