"""Draws the made company, process after process, and hands each feed's table over to be written as a piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.simulator import areas as areas_of
from pipelines.simulator import calls as calls_of
from pipelines.simulator import (
    campaign_files,
    campaigns,
    cases,
    consents,
    contract_files,
    debits,
    families,
    mailing_returns,
    mailings,
    people,
    permissions,
    purchases,
    refusals,
)
from pipelines.simulator import company as company_of
from pipelines.simulator import contracts as contracts_of
from pipelines.simulator import employees as employees_of
from pipelines.simulator import record_versions as versions_of
from pipelines.simulator import transactions as transactions_of
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import Block
from pipelines.simulator.branch_layouts import BRANCH_LAYOUTS
from pipelines.simulator.calendar import Period
from pipelines.simulator.lines import Lines, in_order, joined
from pipelines.simulator.partner_layouts import PARTNER_LAYOUTS
from pipelines.simulator.pieces import Piece, write_piece
from pipelines.simulator.progress import Progress, silent
from pipelines.simulator.service_layouts import SERVICE_LAYOUTS
from pipelines.simulator.truth import Truth, count_campaign_effects

ALL_LAYOUTS = (*BRANCH_LAYOUTS, *PARTNER_LAYOUTS, *SERVICE_LAYOUTS)
SHOPPERS = 0.85
# One stream of random numbers per process: a change to one process leaves the others' draws alone.
STREAMS = (
    "areas", "people", "records", "versions", "company", "campaigns", "contacts", "responses", "contracts",
    "buyers", "baskets", "debits", "mailings", "replies", "calls",
)  # fmt: skip
# Processes that came later draw after all others, which keep the streams they had.
LATER_STREAMS = ("employees", "cases", "consents", "refusals", "returns", "families", "permissions")
Table = tuple[dict, np.ndarray]


@dataclass(frozen=True)
class Delivered:
    """What a block has written: a piece per feed, a folder of truth, and its part of the counts of campaign effects."""

    pieces: dict[str, Piece]
    truth: Path
    campaign_effects: dict[str, np.ndarray]


def draw_campaigns(period: Period, seed: int) -> campaigns.Campaigns:
    """The campaigns, which are the whole company's."""
    return _draw_company(period, _streams(seed))[1]


def write_lists(folder: Path, period: Period, seed: int) -> dict[str, Piece]:
    """The feeds that tell of no customer, in full, as pieces in `folder`."""
    random = _streams(seed)
    company, runs = _draw_company(period, random)
    tables: dict[str, Callable[[], Table]] = {
        "branch__branches": lambda: company_of.branch_deliveries(company, period, random["company"]),
        "branch__products": lambda: company_of.product_deliveries(company, period),
        "branch__employees": lambda: employees_of.employee_deliveries(company, period, random["employees"]),
        "campaign__campaigns": lambda: campaign_files.campaign_deliveries(runs, company),
        "demographics__areas": lambda: areas_of.area_deliveries(company.areas, period, random["areas"]),
    }
    return _write_tables(folder, tables, period, random, silent)


def write_block(folder: Path, block: Block, period: Period, seed: int, progress: Progress = silent) -> Delivered:
    """All that the customers of a block bring about, as pieces in `folder`, and the truth about them beside."""
    progress("people", 0.0)
    company, runs = _draw_company(period, _streams(seed))
    random, numbering = _streams(seed, block.number), block.numbering
    persons = people.draw_people(block.customers, period, random["people"], numbering)
    records = people.draw_records(persons, period, random["records"], numbering)
    related = families.draw_families(persons, random["families"])
    versions = versions_of.draw_versions(persons, records, related, company.areas, period, random["versions"])
    progress("campaigns and contracts", 0.1)
    contacts = campaigns.draw_contacts(runs, persons, records, period, random["contacts"], numbering)
    said = consents.draw_consents(records, period, random["consents"])
    refusing = refusals.draw_refusals(persons, records, versions, period, random["refusals"])
    contacts = permissions.hold_back(contacts, records, said, refusing, random["permissions"])
    responses = campaigns.draw_responses(runs, contacts, period, random["responses"])
    signed = _caused(responses, contacts, v.CONTRACT)
    signed["plan"] = runs.offer[contacts.campaign[responses.contact[signed["response"]]]]
    signed["channel"] = contacts.channel[responses.contact[signed["response"]]]
    contracts = contracts_of.draw_contracts(persons, records, signed, period, random["contracts"], numbering)
    progress("purchases and debits", 0.2)
    shopper = np.flatnonzero(random["buyers"].random(persons.count) < SHOPPERS)
    buyers = purchases.draw_buyers(len(shopper), purchases.PurchaseModel(), random["buyers"])
    caused = _caused(responses, contacts, v.REDEMPTION)
    baskets, dropped_after = _baskets(persons, records, shopper, buyers, caused, period, random["baskets"])
    bought = transactions_of.draw_purchase_lines(baskets, records, company, random["baskets"])
    kinds = [
        bought,
        transactions_of.draw_returns(bought, period, random["baskets"]),
        debits.draw_debits(contracts, company, period, random["debits"]),
        debits.draw_adjustments(contracts, company, period, random["debits"]),
    ]
    lines = in_order(joined(kinds))
    keys = transactions_of.transaction_keys(lines, numbering)
    progress("mail and calls", 0.35)
    mailed = mailings.draw_mailings(contacts, records, versions, random["mailings"], numbering)
    attempts = calls_of.draw_calls(persons, records, contacts, responses, period, random["calls"], numbering)
    attempts = calls_of.borrow_telephones(attempts, records, related, random["families"])
    by_post = mailings.answers_by_post(responses, contacts, random["replies"])
    results = _results(responses, contracts, lines, keys)
    by_call = cases.draw_cases_by_call(attempts, company, random["cases"], numbering)
    at_branch = cases.draw_cases_at_branch(persons, records, company, period, random["cases"], numbering)
    said = consents.with_refusals(said, contacts, responses, period, random["consents"])

    tables: dict[str, Callable[[], Table]] = {
        "branch__customers": lambda: versions_of.customer_deliveries(persons, records, versions, company, period),
        "branch__contracts": lambda: contract_files.contract_deliveries(contracts, records, company, period),
        "branch__contract_holders": lambda: contract_files.holder_deliveries(contracts, records, period),
        "branch__transactions": lambda: transactions_of.transaction_deliveries(
            lines, keys, records, contracts, company
        ),
        "dm__mailings": lambda: mailings.mailing_deliveries(mailed, contacts, runs, records),
        "dm__replies": lambda: mailings.reply_deliveries(
            responses, by_post, mailed, records, results, period, random["replies"], numbering
        ),
        "call_center__calls": lambda: calls_of.call_deliveries(
            attempts, persons, records, contacts, versions, random["calls"]
        ),
        "campaign__contacts": lambda: campaign_files.contact_deliveries(contacts, runs, records),
        "campaign__responses": lambda: campaign_files.response_deliveries(
            responses, np.flatnonzero(~by_post), contacts, runs, records, results, numbering
        ),
        "service__cases": lambda: cases.case_deliveries(
            at_branch, persons, records, versions, company, period, random["cases"]
        ),
        "service__cases@call_center": lambda: cases.case_deliveries(
            by_call, persons, records, versions, company, period, random["cases"]
        ),
        "consent__events": lambda: consents.consent_deliveries(said, consents.BRANCH, records, period, numbering),
        "consent__events@call_center": lambda: consents.consent_deliveries(
            said, consents.CALL_CENTER, records, period, numbering
        ),
        "consent__refusals": lambda: refusals.refusal_deliveries(refusing),
        "dm__returns": lambda: mailing_returns.return_deliveries(mailed, responses, period, random["returns"]),
    }
    pieces = _write_tables(folder, tables, period, random, progress)
    progress("truth", 0.95)
    truth = Truth(folder / "truth", numbering)
    truth.write_people(persons, records, mailed, attempts)
    truth.write_customers(persons, buyers, shopper, dropped_after)
    truth.write_contracts(contracts, records)
    truth.write_cases(records, {"branch": at_branch, "call_center": by_call})
    truth.write_refusals(refusing)
    truth.write_breaches(contacts, permissions.find_breaches(contacts, attempts, records, said, refusing))
    return Delivered(pieces, truth.folder, count_campaign_effects(runs, contacts, responses))


def _streams(seed: int, block: int = 0) -> dict[str, np.random.Generator]:
    """The streams of random numbers of a block, by process, and by feed for its dirt; the company's are the first's."""
    names = (*STREAMS, *(layout.name for layout in ALL_LAYOUTS), *LATER_STREAMS)
    seeds = np.random.SeedSequence([seed, block]).spawn(len(names))
    return {name: np.random.default_rng(one) for name, one in zip(names, seeds, strict=True)}


def _draw_company(
    period: Period, random: dict[str, np.random.Generator]
) -> tuple[company_of.Company, campaigns.Campaigns]:
    company = company_of.draw_company(areas_of.draw_areas(random["areas"]))
    return company, campaigns.draw_campaigns(period, company.retail_count, random["campaigns"])


def _write_tables(
    folder: Path,
    tables: dict[str, Callable[[], Table]],
    period: Period,
    random: dict[str, np.random.Generator],
    progress: Progress,
) -> dict[str, Piece]:
    folder.mkdir(parents=True)
    pieces: dict[str, Piece] = {}
    for layout in ALL_LAYOUTS:
        if layout.name in tables:
            progress(layout.name, 0.4 + 0.55 * len(pieces) / len(tables))
            table, day = tables[layout.name]()
            pieces[layout.name] = write_piece(folder / layout.name, layout, table, day, period, random[layout.name])
    return pieces


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
