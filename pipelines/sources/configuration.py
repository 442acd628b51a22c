"""What a company says of its sources: where each feed comes from, and how its columns map onto the contract.

Reading and checking the file in which it is said is `sources_file.py`.
"""

import re
from datetime import date
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


class Mapping(_Strict):
    """How one contract column is filled: from a column, a constant, several columns, or another feed.

    `values` translates the source's codes and leaves other values as they are; `format` is a strptime format.
    """

    column: str | None = Field(default=None, min_length=1)
    values: dict[str, str] | None = None
    format: str | None = None
    constant: str | None = None
    columns: list[str] | None = Field(default=None, min_length=2)
    separator: str = "|"
    look_up: str | None = None
    match: dict[str, str] | None = None
    take: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        if isinstance(value, dict):
            return value
        raise ValueError("a mapping is the name of a column, or {column | constant | columns | look_up: ...}")

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Mapping":
        kinds = [name for name in ("column", "constant", "columns", "look_up") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"give exactly one of column, constant, columns, look_up; found {kinds or 'none'}")
        if self.look_up and not (self.match and self.take):
            raise ValueError("a look_up needs match: {column of that feed: own column} and take: column of that feed")
        if not self.look_up and (self.match or self.take):
            raise ValueError("match and take belong to a look_up")
        if self.values and not self.column:
            raise ValueError("values translates the codes of a column: name the column too")
        return self

    @property
    def source_columns(self) -> list[str]:
        """The source's own columns that this mapping reads."""
        if self.look_up:
            return list((self.match or {}).values())
        return self.columns or ([self.column] if self.column else [])


class Company(_Strict):
    """Who the warehouse belongs to. Business dates are days in `time_zone`; amounts without one are in `currency`."""

    name: str = "Company"
    time_zone: str = "Asia/Seoul"
    currency: str = Field(default="KRW", pattern="^[A-Z]{3}$")

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"{value!r} is no time zone; write one such as Asia/Seoul or Europe/London") from error
        return value


class Source(_Strict):
    """One feed from one system: its files, their format, and the mapping onto the contract."""

    feed: str
    source_system: str = Field(pattern="^[a-z][a-z0-9_]*$")
    path: str
    delivery_date: Day | None = None
    format: Literal["csv", "json_lines", "parquet"]
    codec: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
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

    @field_validator("codec")
    @classmethod
    def _codec_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                b"a".decode(value)  # a look-up would also find codecs that are not of text, such as hex
            except LookupError as error:
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
