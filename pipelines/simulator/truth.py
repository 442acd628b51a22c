"""What is true, apart from what was sent: who is who, true rates, true effects, every dirty row.

Tests and benchmarks score against these files; no pipeline reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calls import Calls
from pipelines.simulator.campaigns import CELL_A, CELL_B, CELLS, Campaigns, Contacts, Responses, response_lift
from pipelines.simulator.cases import Cases
from pipelines.simulator.company import PLANS
from pipelines.simulator.contracts import Contracts
from pipelines.simulator.files import Written
from pipelines.simulator.mailings import Mailings
from pipelines.simulator.people import People, Records
from pipelines.simulator.permissions import Breaches
from pipelines.simulator.purchases import Buyers
from pipelines.simulator.refusals import LISTS, Refusals


@dataclass(frozen=True)
class Truth:
    """Writes one Parquet file per kind of truth into a folder: what a block knows, or the whole company."""

    folder: Path
    numbering: Numbering = WHOLE

    def put_together(self, blocks: Sequence[Path]) -> None:
        """All files of the blocks' own folders, block after block; the folders hold the same files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for first in sorted(blocks[0].iterdir()):
            with pq.ParquetWriter(self.folder / first.name, pq.read_schema(first)) as file:
                for block in blocks:
                    file.write_table(pq.read_table(block / first.name))

    def write_people(self, people: People, records: Records, mailings: Mailings, calls: Calls) -> None:
        """Who stands behind each customer key, and behind each piece or call that came without one."""
        self._write(
            "people",
            person_id=self._person_id(records.person),
            source_system=_all("branch", len(records.person)),
            customer_key=records.key,
            is_second_record=records.second[records.person] == np.arange(len(records.person)),
        )
        pieces = np.flatnonzero((mailings.record >= 0) & ~mailings.has_customer_key)
        unidentified = np.flatnonzero((calls.record >= 0) & ~calls.is_identified)
        person = np.concatenate([records.person[mailings.record[pieces]], records.person[calls.record[unidentified]]])
        keys = [mailings.key.take(pa.array(pieces)), calls.key.take(pa.array(unidentified))]
        self._write(
            "appearances",
            person_id=self._person_id(person),
            source_system=pa.concat_arrays([_all("dm_vendor", len(pieces)), _all("call_center", len(unidentified))]),
            feed=pa.concat_arrays([_all("dm__mailings", len(pieces)), _all("call_center__calls", len(unidentified))]),
            record_key=pa.concat_arrays(keys),
        )

    def write_customers(self, people: People, buyers: Buyers, shopper: np.ndarray, dropped_after: np.ndarray) -> None:
        """True purchase process per person; people who never shop have nulls. Rates per week, spend in won."""
        never = np.ones(people.count, dtype=bool)
        never[shopper] = False
        gone = np.isfinite(dropped_after)
        alive_until = np.full(people.count, np.datetime64("NaT", "D"))
        days = np.floor(np.where(gone, dropped_after, 0)).astype(int)
        alive_until[shopper[gone]] = people.registered[shopper[gone]] + days[gone]
        self._write(
            "customers",
            person_id=self._person_id(np.arange(people.count)),
            acquired_date=people.registered,
            weekly_purchase_rate=_of_shoppers(buyers.daily_rate * 7, shopper, never),
            dropout_probability=_of_shoppers(buyers.dropout, shopper, never),
            mean_spend_amount=_of_shoppers(buyers.mean_spend, shopper, never),
            alive_until_date=alive_until,
        )

    def write_campaign_effects(self, campaigns: Campaigns, counts: dict[str, np.ndarray]) -> None:
        """Per campaign and treated cell: response probability without and with sending, and what was caused.

        `response_lift` is the effect of being sent, over the whole response window; `assignment_lift` is that
        times the share of the cell that was sent. Caused counts are those that fell inside the simulated period.
        """
        campaign = np.arange(len(campaigns.launch)).repeat(2)
        cell = np.tile([CELL_A, CELL_B], len(campaigns.launch))
        lift = response_lift(campaigns, campaign, cell)
        self._write(
            "campaign_effects",
            campaign_key=text.words(campaigns.key, campaign),
            cell=text.words(CELLS, cell),
            base_response_rate=campaigns.base[campaign],
            response_lift=lift,
            assignment_lift=lift * counts["sent_count"] / np.maximum(counts["assigned_count"], 1),
            **counts,
        )

    def write_contracts(self, contracts: Contracts, records: Records) -> None:
        """True churn probability per renewal, and the end that is fixed from the start, even beyond the period."""
        months = np.array([plan.renewal_months for plan in PLANS])
        self._write(
            "contracts",
            contract_key=contracts.key,
            person_id=self._person_id(records.person[contracts.holder]),
            churn_probability=contracts.churn,
            renewal_months=months[contracts.plan],
            signed_date=contracts.signed,
            end_date=contracts.ended,
            end_reason=text.words(v.END_REASONS, contracts.end_reason),
            is_caused_by_campaign=contracts.response >= 0,
        )

    def write_cases(self, records: Records, cases: dict[str, Cases]) -> None:
        """Who raised each case, by system and number; null for strangers."""
        record = np.concatenate([one.record for one in cases.values()])
        person = self._person_id(records.person[np.maximum(record, 0)])
        self._write(
            "cases",
            person_id=text.pick(record < 0, None, person),
            source_system=pa.concat_arrays([_all(system, len(one.record)) for system, one in cases.items()]),
            case_key=pa.concat_arrays([one.key for one in cases.values()]),
        )

    def write_refusals(self, refusals: Refusals) -> None:
        """Whose number stands on which list on which day; null for strangers."""
        self._write(
            "refusals",
            person_id=text.pick(refusals.person < 0, None, self._person_id(np.maximum(refusals.person, 0))),
            phone=refusals.phone,
            refusal_list=text.words(LISTS, refusals.of_list),
            checked_date=refusals.day,
        )

    def write_breaches(self, contacts: Contacts, breaches: Breaches) -> None:
        """What was sent without permission, of calls by attempt; the attempt is null for what is no call."""
        self._write(
            "breaches",
            contact_key=contacts.key.take(pa.array(breaches.contact)),
            attempt=pa.array(breaches.attempt, mask=breaches.attempt < 0),
            reason=text.words(v.NOT_SENT_REASONS, breaches.reason),
        )

    def write_dirt(self, written: list[Written]) -> None:
        """One row per dirty line; line numbers count the header as line 1. A duplicate is the second of two lines."""
        self._write(
            "dirt",
            feed=pa.array([one.feed for one in written for _ in one.dirty_file], pa.string()),
            file=pa.array([name for one in written for name in one.dirty_file], pa.string()),
            line_number=np.concatenate([one.dirty_line for one in written]),
            kind=pa.array([kind for one in written for kind in one.dirty_kind], pa.string()),
        )

    def write_totals(self, written: list[Written]) -> None:
        """Per feed: rows = clean + dirty + duplicate. The amount, in won, is that of the clean rows."""
        self._write(
            "totals",
            feed=pa.array([one.feed for one in written]),
            file_count=pa.array([one.files for one in written]),
            row_count=pa.array([one.rows for one in written]),
            clean_row_count=pa.array([one.clean_rows for one in written]),
            dirty_row_count=pa.array([one.rows - one.clean_rows - one.duplicate_rows for one in written]),
            duplicate_row_count=pa.array([one.duplicate_rows for one in written]),
            clean_amount=pa.array([one.clean_amount for one in written], pa.int64()),
        )

    def _person_id(self, person: np.ndarray) -> pa.Array:
        return text.whole(self.numbering.of(person) + 1, 7, "person-")

    def _write(self, name: str, **columns: np.ndarray | pa.Array) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), self.folder / f"{name}.parquet")


def count_campaign_effects(campaigns: Campaigns, contacts: Contacts, responses: Responses) -> dict[str, np.ndarray]:
    """What was assigned, sent and caused, by campaign and treated cell; the blocks' counts add up."""
    group = contacts.campaign * 2 + contacts.cell
    treated = contacts.cell <= CELL_B
    caused = responses.contact[responses.is_caused]
    kind = responses.kind[responses.is_caused]
    counted = {
        "assigned_count": group[treated],
        "sent_count": group[treated & ~np.isnat(contacts.sent)],
        "caused_response_count": group[caused],
        "caused_purchase_count": group[caused[kind == v.REDEMPTION]],
        "caused_contract_count": group[caused[kind == v.CONTRACT]],
    }
    return {name: np.bincount(groups, minlength=2 * len(campaigns.launch)) for name, groups in counted.items()}


def _all(word: str, count: int) -> pa.Array:
    return text.words([word], np.zeros(count, dtype=np.int64))


def _of_shoppers(values: np.ndarray, shopper: np.ndarray, never: np.ndarray) -> pa.Array:
    spread = np.zeros(len(never))
    spread[shopper] = values
    return pa.array(spread, mask=never)
