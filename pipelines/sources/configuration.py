"""What a company says of its sources: where each feed comes from, and how its columns map onto the contract.

Reading and checking the file in which it is said is `sources_file.py`.
"""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pipelines.contracts import DeliveryTerms, Feed, feeds
from pipelines.sources.path_pattern import PathPattern


def _iso_date(value: Any) -> Any:
    # pydantic alone would take the digits of 20240101 for seconds since 1970.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"{value!r} is no date; write it as 2024-01-31")
    return value


Day = Annotated[date, BeforeValidator(_iso_date)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_KINDS_OF_MAPPING = ("column", "constant", "columns", "multiply", "row_number", "look_up")


class Mapping(_Strict):
    """How one contract column is filled: from a column, a constant, several columns, another feed, or the row's place.

    `values` translates the source's codes and leaves other values as they are; `format` is a strptime format, or
    `excel_serial` for days since 1899-12-30 with fractions for times. `hash` keeps a keyed hash instead of the values.
    `missing` stands for an empty one of several `columns`. `multiply` is the product of two columns, and `row_number`
    a key made of delivery date, part and row, for sources that number nothing.
    """

    column: str | None = Field(default=None, min_length=1)
    values: dict[str, str] | None = None
    format: str | None = None
    constant: str | None = None
    columns: list[str] | None = Field(default=None, min_length=2)
    separator: str = "|"
    missing: str | None = None
    multiply: list[str] | None = Field(default=None, min_length=2, max_length=2)
    row_number: Literal["true"] | None = None
    look_up: str | None = None
    match: dict[str, str] | None = None
    take: str | None = None
    hash: Literal["keyed"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        if isinstance(value, dict):
            return value
        raise ValueError(f"a mapping is the name of a column, or {{{' | '.join(_KINDS_OF_MAPPING)}: ...}}")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Mapping":
        kinds = [name for name in _KINDS_OF_MAPPING if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS_OF_MAPPING)}; found {kinds or 'none'}")
        if self.look_up and not (self.match and self.take):
            raise ValueError("a look_up needs match: {column of that feed: own column} and take: column of that feed")
        if not self.look_up and (self.match or self.take):
            raise ValueError("match and take belong to a look_up")
        if self.missing is not None and not self.columns:
            raise ValueError("missing stands for an empty one of several columns: name the columns too")
        if self.values and not self.column:
            raise ValueError("values translates the codes of a column: name the column too")
        if self.hash and (not self.column or self.values or self.format):
            raise ValueError("hash: keyed is of one column, whose values nothing else translates")
        return self

    @property
    def source_columns(self) -> list[str]:
        """The source's own columns that this mapping reads."""
        if self.look_up:
            return list((self.match or {}).values())
        return self.columns or self.multiply or ([self.column] if self.column else [])


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception as error:
        raise ValueError(f"{name!r} is no time zone; write one such as Asia/Seoul or Europe/London") from error
    return name


class Company(_Strict):
    """Who the warehouse belongs to. Business dates are days in `time_zone`; amounts without one are in `currency`."""

    name: str = "Company"
    time_zone: str = "Asia/Seoul"
    currency: str = Field(default="KRW", pattern="^[A-Z]{3}$")

    def business_day(self, instant: datetime) -> date:
        """The day on which `instant`, which has a zone, falls in the company's zone."""
        return instant.astimezone(ZoneInfo(self.time_zone)).date()

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        return _known_zone(value)


EXCEL_SERIAL = "excel_serial"
"""The `format` of a mapping whose dates are numbers: days since 1899-12-30, a fraction being a part of a day."""

FORMAT_WORDS: dict[str, tuple[str, ...]] = {
    "csv": ("codec", "delimiter", "fields"),
    "fixed_width": ("codec", "fields", "header_lines"),
    "json_lines": ("codec",),
    "parquet": (),
    "excel": ("sheet", "header_row"),
    "sqlite": ("table", "query"),
    "postgresql": ("connection", "table", "query", "watermark", "look_back_days"),
}
"""Format -> the words of a source that say how it is read; in another format's source they are refused."""

Fields = list[str] | dict[str, tuple[int, int]]
"""The columns that a file itself does not name: in their order, or as name -> (start from 1, length) in bytes."""


def _fields(value: Any) -> Any:
    """`value` as Fields; pydantic alone would speak of both forms wherever one is wrong."""
    if isinstance(value, dict) and value:
        return {name: _place(name, place) for name, place in value.items()}
    if isinstance(value, list) and value and all(isinstance(name, str) and name for name in value):
        return value
    raise ValueError("fields are names in the order of the columns, or name: [start, length] of each")


def _place(name: str, place: Any) -> tuple[int, int]:
    try:
        start, length = map(int, place)
    except (TypeError, ValueError):
        start, length = 0, 0
    if start < 1 or length < 1:
        raise ValueError(f"{name}: give [start, length] in bytes, the first byte of a line being 1")
    return start, length


class Source(_Strict):
    """One feed from one system: its files or database, their format, and the mapping onto the contract.

    `connection` names the environment variable that holds a database's URI; `path` is empty where it is given.
    `time_zone` is that of times without an offset, where it is not the company's.
    """

    feed: str
    source_system: str = Field(pattern="^[a-z][a-z0-9_]*$")
    path: str = ""
    delivery_date: Day | None = None
    format: Literal["csv", "fixed_width", "json_lines", "parquet", "excel", "sqlite", "postgresql"]
    time_zone: str | None = None
    codec: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    fields: Annotated[Fields, BeforeValidator(_fields)] | None = None
    header_lines: int = Field(default=0, ge=0)
    sheet: str | None = Field(default=None, min_length=1)
    header_row: int = Field(default=1, ge=1)
    table: str | None = Field(default=None, min_length=1)
    query: str | None = Field(default=None, min_length=1)
    connection: str | None = None
    watermark: str | None = Field(default=None, min_length=1)
    look_back_days: int = Field(default=7, ge=0, le=366)
    start: Day | None = None
    until: Day | None = None
    no_delivery: frozenset[Day] = frozenset()
    delivery: DeliveryTerms | None = None
    columns: dict[str, Mapping] = Field(min_length=1)

    @field_validator("path")
    @classmethod
    def _path_is_a_pattern(cls, value: str) -> str:
        PathPattern(value)
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str | None) -> str | None:
        return None if value is None else _known_zone(value)

    @field_validator("connection")
    @classmethod
    def _connection_is_a_name(cls, value: str | None) -> str | None:
        # The value is not repeated: it may be the secret itself.
        if value is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(
                "give the name of an environment variable, such as CRM_DATABASE_URL, and put the URI into that: "
                "a password never stands in this file"
            )
        return value

    @field_validator("codec")
    @classmethod
    def _codec_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "a".encode(value)  # a look-up would also find codecs that are not of text, such as hex
            except (LookupError, UnicodeError) as error:
                raise ValueError(
                    f"{value!r} is no codec of Python; write one such as utf-8, cp949 or cp1252"
                ) from error
        return value

    @property
    def contract(self) -> Feed:
        return feeds()[self.feed]

    @property
    def terms(self) -> DeliveryTerms:
        """The delivery terms in force: the source's own, or `once` for a stated slot, or the contract's."""
        if self.delivery:
            return self.delivery
        if self.delivery_date:
            return self.contract.delivery.model_copy(update={"cadence": "once"})
        return self.contract.delivery

    @property
    def place(self) -> str:
        """Where the source's deliveries come from, for a person."""
        return self.path or f"{self.table or 'the query'} of {self.connection}"

    @property
    def text_codec(self) -> str:
        return self.codec or self.contract.codec

    @property
    def source_columns(self) -> list[str]:
        """The source's own columns that any mapping reads, each once, in order."""
        return list(dict.fromkeys(name for mapping in self.columns.values() for name in mapping.source_columns))


class SourcesFile(_Strict):
    """The whole sources file. `folder` is where it lies; relative paths start there."""

    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    company: Company = Company()
    sources: list[Source] = Field(min_length=1)
    folder: Path = Path()

    def of_feed(self, feed: str) -> list[Source]:
        return [source for source in self.sources if source.feed == feed]

    @property
    def first_delivery_date(self) -> date | None:
        """The earliest day on which anything can arrive; the start of the Dagster partitions."""
        days = [day for source in self.sources for day in (source.start, source.delivery_date) if day]
        return min(days, default=None)
