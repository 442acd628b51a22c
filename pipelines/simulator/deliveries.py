"""Draws the made company, process after process, and hands each feed's table to the file writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.simulator import areas as areas_of
from pipelines.simulator import calls as calls_of
from pipelines.simulator import campaign_files, campaigns, contract_files, debits, mailings, people, purchases
from pipelines.simulator import company as company_of
from pipelines.simulator import contracts as contracts_of
from pipelines.simulator import record_versions as versions_of
from pipelines.simulator import transactions as transactions_of
from pipelines.simulator import vocabulary as v
from pipelines.simulator.branch_layouts import BRANCH_LAYOUTS
from pipelines.simulator.calendar import Period
from pipelines.simulator.files import Written, write_feed
from pipelines.simulator.lines import Lines, together
from pipelines.simulator.partner_layouts import PARTNER_LAYOUTS
from pipelines.simulator.sources_file import write_sources
from pipelines.simulator.truth import Truth

ALL_LAYOUTS = (*BRANCH_LAYOUTS, *PARTNER_LAYOUTS)
SHOPPERS = 0.85
# One stream of random numbers per process: a change to one process leaves the others' draws alone.
STREAMS = (
    "areas", "people", "records", "versions", "company", "campaigns", "contacts", "responses", "contracts",
    "buyers", "baskets", "debits", "mailings", "replies", "calls",
)  # fmt: skip
Table = tuple[dict, np.ndarray]


def write_company(
    out: Path, customers: int, period: Period, seed: int, progress: Callable[[str, float], None]
) -> list[Written]:
    """Everything under `out`; one entry per feed."""
    seeds = np.random.SeedSequence(seed).spawn(len(STREAMS) + len(ALL_LAYOUTS))
    random = {name: np.random.default_rng(one) for name, one in zip(STREAMS, seeds, strict=False)}
    progress("people", 0.0)
    areas = areas_of.draw_areas(random["areas"])
    company = company_of.draw_company(areas)
    persons = people.draw_people(customers, period, random["people"])
    records = people.draw_records(persons, period, random["records"])
    versions = versions_of.draw_versions(persons, records, areas, period, random["versions"])
    progress("campaigns and contracts", 0.1)
    runs = campaigns.draw_campaigns(period, company.retail_count, random["campaigns"])
    contacts = campaigns.draw_contacts(runs, persons, records, period, random["contacts"])
    responses = campaigns.draw_responses(runs, contacts, period, random["responses"])
    signed = _caused(responses, contacts, v.CONTRACT)
    signed["plan"] = runs.offer[contacts.campaign[responses.contact[signed["response"]]]]
    signed["channel"] = contacts.channel[responses.contact[signed["response"]]]
    contracts = contracts_of.draw_contracts(persons, records, signed, period, random["contracts"])
    progress("purchases and debits", 0.2)
    shopper = np.flatnonzero(random["buyers"].random(persons.count) < SHOPPERS)
    buyers = purchases.draw_buyers(len(shopper), purchases.PurchaseModel(), random["buyers"])
    caused = _caused(responses, contacts, v.REDEMPTION)
    baskets, dropped_after = _baskets(persons, records, shopper, buyers, caused, period, random["baskets"])
    bought = transactions_of.draw_purchase_lines(baskets, records, company, random["baskets"])
    lines = together(
        [
            bought,
            transactions_of.draw_returns(bought, period, random["baskets"]),
            debits.draw_debits(contracts, company, period, random["debits"]),
            debits.draw_adjustments(contracts, company, period, random["debits"]),
        ]
    )
    keys = transactions_of.transaction_keys(lines)
    progress("mail and calls", 0.35)
    pieces = mailings.draw_mailings(contacts, records, versions, random["mailings"])
    attempts = calls_of.draw_calls(persons, records, contacts, responses, period, random["calls"])
    by_post = mailings.answers_by_post(responses, contacts, random["replies"])
    results = _results(responses, contracts, lines, keys)

    tables: dict[str, Callable[[], Table]] = {
        "branch__customers": lambda: versions_of.customer_deliveries(persons, records, versions, company, period),
        "branch__contracts": lambda: contract_files.contract_deliveries(contracts, records, company, period),
        "branch__contract_holders": lambda: contract_files.holder_deliveries(contracts, records, period),
        "branch__transactions": lambda: transactions_of.transaction_deliveries(
            lines, keys, records, contracts, company
        ),
        "branch__branches": lambda: company_of.branch_deliveries(company, period, random["company"]),
        "branch__products": lambda: company_of.product_deliveries(company, period),
        "dm__mailings": lambda: mailings.mailing_deliveries(pieces, contacts, runs, records),
        "dm__replies": lambda: mailings.reply_deliveries(
            responses, by_post, pieces, records, results, period, random["replies"]
        ),
        "call_center__calls": lambda: calls_of.call_deliveries(
            attempts, persons, records, contacts, versions, random["calls"]
        ),
        "campaign__campaigns": lambda: campaign_files.campaign_deliveries(runs, company),
        "campaign__contacts": lambda: campaign_files.contact_deliveries(contacts, runs, records),
        "campaign__responses": lambda: campaign_files.response_deliveries(
            responses, np.flatnonzero(~by_post), contacts, runs, records, results
        ),
        "demographics__areas": lambda: areas_of.area_deliveries(areas, period, random["areas"]),
    }
    written = []
    for place, layout in enumerate(ALL_LAYOUTS):
        progress(layout.feed, 0.4 + 0.55 * place / len(ALL_LAYOUTS))
        table, day = tables[layout.feed]()
        generator = np.random.default_rng(seeds[len(STREAMS) + place])
        written.append(write_feed(out, layout, table, day, period, generator))
    progress("truth", 0.95)
    truth = Truth(out / "truth")
    truth.write_people(persons, records, pieces, attempts)
    truth.write_customers(persons, buyers, shopper, dropped_after)
    truth.write_campaign_effects(runs, contacts, responses)
    truth.write_contracts(contracts, records)
    truth.write_dirt(written)
    truth.write_totals(written)
    write_sources(out, ALL_LAYOUTS, period)
    progress("done", 1.0)
    return written


def _caused(responses: campaigns.Responses, contacts: campaigns.Contacts, kind: int) -> dict[str, np.ndarray]:
    """What campaigns caused of a kind: response, record and day."""
    response = np.flatnonzero(responses.is_caused & (responses.kind == kind))
    record = contacts.record[responses.contact[response]]
    return {"response": response, "record": record, "day": responses.day[response]}


def _baskets(
    persons: people.People,
    records: people.Records,
    shopper: np.ndarray,
    buyers: purchases.Buyers,
    caused: dict[str, np.ndarray],
    period: Period,
    generator: np.random.Generator,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Purchases inside the period: first ones, repeated ones, and those that campaigns add."""
    acquired = persons.registered[shopper]
    horizon = (period.end - acquired).astype(float) + 1
    buyer, time, dropped_after = purchases.draw_repeat_purchases(buyers, horizon, generator)
    buyer = np.concatenate([np.arange(len(shopper)), buyer])
    day = acquired[buyer] + np.floor(np.concatenate([np.zeros(len(shopper)), time])).astype(int)
    inside = np.flatnonzero(period.holds(day))
    buyer, day = buyer[inside], day[inside]
    value = purchases.draw_spend(buyers, buyer, generator)
    # A caused purchase follows its buyer's own spend; who never shopped before spends the average.
    buyer_of_person = np.full(persons.count, -1)
    buyer_of_person[shopper] = np.arange(len(shopper))
    caused_buyer = buyer_of_person[records.person[caused["record"]]]
    mean = buyers.mean_spend[np.maximum(caused_buyer, 0)] if len(shopper) else np.zeros(len(caused_buyer))
    caused_value = np.where(caused_buyer >= 0, mean, buyers.model.mean_spend)
    return {
        "record": np.concatenate([records.of_person(shopper[buyer], day, generator), caused["record"]]),
        "day": np.concatenate([day, caused["day"]]),
        "value": np.concatenate([value, caused_value]),
        "response": np.concatenate([np.full(len(day), -1), caused["response"]]),
    }, dropped_after


def _results(
    responses: campaigns.Responses, contracts: contracts_of.Contracts, lines: Lines, keys: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """By response: the key of the contract and of the first transaction line that came of it, or null."""
    contract_of = np.full(len(responses.day), -1)
    caused = np.flatnonzero(contracts.response >= 0)
    contract_of[contracts.response[caused]] = caused
    line_of = np.full(len(responses.day), -1)
    # Reversed, so that of a basket's lines the first one is written last and stays.
    bought = np.flatnonzero(lines["response"] >= 0)[::-1]
    line_of[lines["response"][bought]] = bought
    return contracts.key.take(_places(contract_of)), keys.take(_places(line_of))


def _places(places: np.ndarray) -> pa.Array:
    return pa.array(places, mask=places < 0)
