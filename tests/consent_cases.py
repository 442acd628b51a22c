"""The hand-written cases of `tests/data/consent_cases.yml`, put into raw tables as a gate would let them through."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import yaml

ZONE = ZoneInfo("Asia/Seoul")
# Checks of lists are seen by their entries, and nobody in the cases has this number.
_STRANGER = "0109999999"
_SAID = re.compile(
    r"((?P<purpose>\w+) )??(?P<action>granted|withdrawn|confirmed) (?P<channel>\w+) (?P<valid>\S+ \S+)"
    r"(?P<night> night)?( by (?P<basis>\w+))?(?P<no_basis> without a basis)?( known (?P<known>\S+ \S+))?"
)


@dataclass(frozen=True)
class Case:
    """A question with its answer; `key` is the customer's number, the contact's and the call's."""

    key: str
    purpose: str
    channel: str
    instant: datetime
    said: list[str]
    listed: list[str]
    answer: str
    rule: str
    because: str
    confirmation_due: Any

    @property
    def phone(self) -> str:
        return f"0108{int(self.key[4:]):07}"


def read_cases() -> tuple[list[Case], dict[str, list[str]]]:
    """The cases, and the days on which each refusal list was checked."""
    text = (Path(__file__).parent / "data" / "consent_cases.yml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    cases = []
    for number, one in enumerate(content["cases"], start=1):
        purpose, channel, moment = one["asked"].split(" ", 2)
        said = [f"{purpose} {word}" for word in one["said"]] + one.get("other", [])
        cases.append(
            Case(
                key=f"CASE{number:03}",
                purpose=purpose,
                channel=channel,
                instant=datetime.fromisoformat(moment).replace(tzinfo=ZONE),
                said=said,
                listed=one.get("listed", []),
                answer=one["answer"],
                rule=one["rule"],
                because=one["because"],
                confirmation_due=one.get("confirmation_due", "not stated"),
            )
        )
    return cases, content["checks"]


def put_into(warehouse: duckdb.DuckDBPyConnection, cases: list[Case], checks: dict[str, list[str]]) -> None:
    """Instead of all consents and refusals: per case a customer, what it said, and a contact then."""
    warehouse.execute("delete from raw.consent__events")
    warehouse.execute("delete from raw.consent__refusals")
    common = {"batch_id": "cases", "delivery_date": date(2024, 1, 31), "row_number": 1}
    for case in cases:
        _insert(
            warehouse, "branch__customers", common,
            source_system="branch", customer_key=case.key, phone=case.phone, registered_date=date(2011, 1, 1),
        )  # fmt: skip
        for number, words in enumerate(case.said):
            found = _SAID.fullmatch(words)
            assert found, f"{words}: not understood"
            _insert(
                warehouse, "consent__events", common,
                source_system="branch", consent_key=f"{case.key}-{number}", customer_key=case.key,
                customer_system="branch", purpose=found["purpose"], channel=found["channel"],
                time_band="night" if found["night"] else None,
                basis=None if found["no_basis"] else found["basis"] or "consent", action=found["action"],
                valid_at=_utc(found["valid"]), recorded_at=_utc(found["known"] or found["valid"]),
            )  # fmt: skip
        if case.purpose == "marketing":
            _put_contact(warehouse, case, common)
    for name, days in checks.items():
        for day in days:
            numbers = [_STRANGER, *(case.phone for case in cases if f"{name} {day}" in case.listed)]
            for phone in numbers:
                _insert(
                    warehouse, "consent__refusals", common,
                    source_system="call_center", phone=phone, refusal_list=name, checked_date=date.fromisoformat(day),
                )  # fmt: skip


def _put_contact(warehouse: duckdb.DuckDBPyConnection, case: Case, common: dict[str, Any]) -> None:
    """What was sent at the time of the case: a contact of a campaign, and of a call the attempt too."""
    asked = _utc(case.instant.strftime("%Y-%m-%d %H:%M"))
    is_call = case.channel == "outbound_call"
    _insert(
        warehouse, "campaign__contacts", common,
        source_system="campaign", contact_key=case.key, customer_key=case.key, customer_system="branch",
        assignment="treatment", channel=case.channel, assigned_at=asked - timedelta(days=1),
        # The attempt, not the order to call, is what is judged.
        sent_at=asked - timedelta(hours=5) if is_call else asked,
    )  # fmt: skip
    if is_call:
        _insert(
            warehouse, "call_center__calls", common,
            source_system="call_center", call_key=case.key, customer_key=case.key, customer_system="branch",
            direction="outbound", contact_key=case.key, contact_system="campaign", attempt=1, started_at=asked,
            wait_seconds=1, talk_seconds=1,
        )  # fmt: skip


def _utc(moment: str) -> datetime:
    local = datetime.fromisoformat(moment).replace(tzinfo=ZONE)
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def _insert(warehouse: duckdb.DuckDBPyConnection, table: str, common: dict[str, Any], **values: Any) -> None:
    row = {**common, **values}
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    warehouse.execute(f"insert into raw.{table} ({columns}) values ({marks})", list(row.values()))
