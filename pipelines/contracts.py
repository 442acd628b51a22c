"""The feeds' written contracts, read from where dbt documents them: `models/staging/*/_*__sources.yml`.

What a company's own files look like, and how they map onto a contract, is in the sources file instead.
"""

from datetime import time
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.settings import PROJECT_ROOT

SYSTEM_COLUMNS = {
    "source_system": "varchar",
    "batch_id": "varchar",
    "delivery_date": "date",
    "row_number": "bigint",
}
"""The columns that stand before the contract's in every raw table, with their types."""

SNAPSHOT_COLUMNS = {"row_hash": "varchar"}
"""The column that only snapshots have: rows of two deliveries are compared by it."""

Kind = Literal["key", "code", "amount", "name", "contact", "free_text"]
"""What a column holds, as far as masking asks; the last three are text of or about a person."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeliveryTerms(_Strict):
    """When a feed's files arrive: how often, until what local time of day, and whether the marts need them."""

    cadence: Literal["daily", "weekdays", "monthly", "on_change", "once"]
    due: time
    required: bool


class Volume(_Strict):
    """How far a delivery's size may be from what the feed's own history makes expected."""

    least_share: float = Field(default=0.6, ge=0, le=1)
    most_times: float = Field(default=3, ge=1)
    severity: Literal["warning", "critical"] = "warning"


class Revenue(_Strict):
    """Which column is an amount of revenue, which names its currency, and of which rows: column -> its values."""

    amount: str
    currency: str
    when: dict[str, list[str]]


class Belonging(_Strict):
    """By what a row belongs to a person, where it has no key of the customers' feed.

    `customer` is the column that numbers customers themselves. The others speak of rows that name no customer: `phone`
    and `named` (a name and an address that both have to be right) are columns, `through` maps a key to the feed whose
    row of that key the person has to have. `nobody` is the reason why no row belongs to a customer. `dated` is the
    column of a record's day; without it the day is that of its delivery. A tombstone blocks what is not younger.
    """

    customer: str | None = None
    phone: str | None = None
    named: dict[Literal["name", "address"], str] | None = Field(default=None, min_length=2)
    through: dict[str, str] = {}
    nobody: str | None = Field(default=None, min_length=1)
    dated: str | None = None


class Column(_Strict):
    """One column of a contract; `data_type` is the type it has in the raw table."""

    name: str
    data_type: str
    description: str
    required: bool = False
    values: list[str] | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    references: str | None = None
    private: bool = False
    holds: Literal["name", "contact", "free_text"] | None = None
    code: bool = False
    not_after_delivery: bool = False
    days_before_delivery: int | None = Field(default=None, ge=0)

    @property
    def companion(self) -> str | None:
        """The column that names the system whose numbering a referring key uses: `customer_system`."""
        return self.name.removesuffix("_key") + "_system" if self.references else None


class Feed(_Strict):
    """The contract of one feed. `name` is `<source>__<table>`: raw table, suite, dbt source and staging model."""

    name: str
    source: str
    table: str
    description: str
    key: list[str]
    brings: Literal["snapshot", "changes", "events"]
    delivery: DeliveryTerms
    codec: str
    tolerance: float = Field(ge=0, le=1)
    tolerance_reason: str
    volume: Volume = Volume()
    fills: list[str] = Field(min_length=1)
    revenue: Revenue | None = None
    person: Belonging = Belonging()
    quarantine_days: int = Field(default=400, ge=1)
    raw_days: int | None = Field(default=None, ge=1)
    archive_days: int | None = Field(default=None, ge=1)
    columns: list[Column]

    @model_validator(mode="after")
    def _is_kept_as_long_as_it_is_needed(self) -> Self:
        """What raw holds the archive must be able to give again, and what is held back must have a batch to go to."""
        if self.archive_days is not None and (self.raw_days is None or self.archive_days < self.raw_days):
            raise ValueError(f"{self.name}: archive_days is less than raw_days: give as many days or more")
        if self.archive_days is not None and self.brings == "snapshot":
            raise ValueError(
                f"{self.name}: a snapshot has no archive_days, because what is unchanged depends on the one before: "
                "leave archive_days out"
            )
        if self.raw_days is not None and self.raw_days < self.quarantine_days:
            raise ValueError(
                f"{self.name}: raw_days is less than quarantine_days, so that rows held back could not be mended: "
                f"give {self.quarantine_days} or more, or fewer quarantine_days"
            )
        if self.raw_days is not None and self.person.customer:
            raise ValueError(
                f"{self.name}: the customers' feed has no raw_days, because who is one customer, and since when, is "
                "made of all its rows: leave raw_days out, and erase customers"
            )
        return self

    @property
    def columns_by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def companions(self) -> list[str]:
        return [column.companion for column in self.columns if column.companion]

    @property
    def references(self) -> set[str]:
        """The other feeds that this feed's keys point to."""
        return {column.references for column in self.columns if column.references} - {self.name}

    def kind_of(self, name: str) -> Kind | None:
        """What the column or companion `name` holds; None is a date, or the name of a thing."""
        column = self.columns_by_name.get(name)
        if column is None or name in self.key or column.references or name.endswith("_key"):
            return "key"
        if column.code or column.values:
            return "code"
        return "amount" if column.data_type.startswith(("integer", "decimal")) else column.holds

    def raw_columns(self) -> dict[str, str]:
        """Name -> type of every column of the raw table, in order."""
        columns = dict(SYSTEM_COLUMNS)
        if self.brings == "snapshot":
            columns |= SNAPSHOT_COLUMNS
        for column in self.columns:
            columns[column.name] = column.data_type
            if column.companion:
                columns[column.companion] = "varchar"
        return columns


def _feed(source: str, table: dict[str, Any]) -> Feed:
    columns = [
        Column(
            name=column["name"],
            data_type=column["data_type"],
            description=column["description"],
            **column.get("config", {}).get("meta", {}),
        )
        for column in table["columns"]
    ]
    return Feed(
        name=table["identifier"],
        source=source,
        table=table["name"],
        description=table["description"],
        columns=columns,
        **table["config"]["meta"],
    )


@lru_cache(maxsize=1)
def feeds() -> dict[str, Feed]:
    """Name -> contract of every feed, a feed after those its keys point to.

    Raises pydantic's ValidationError where a contract is not one, and CycleError where feeds point at each other.
    """
    found: dict[str, Feed] = {}
    for path in sorted((PROJECT_ROOT / "models" / "staging").glob("*/_*__sources.yml")):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for source in document["sources"]:
            # The ledger is read by models too, but no company delivers it: only feeds carry terms.
            for table in source["tables"]:
                if "delivery" in table.get("config", {}).get("meta", {}):
                    feed = _feed(source["name"], table)
                    found[feed.name] = feed
    order = TopologicalSorter({name: feed.references for name, feed in sorted(found.items())}).static_order()
    return {name: found[name] for name in order}
