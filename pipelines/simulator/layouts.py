"""The native shape of a feed: file pattern, format, own headers and codes, and what of it may be spoiled.

One layout both writes the files and its entry of sources.yml, so the two cannot drift apart. The layouts
themselves are in branch_layouts.py, partner_layouts.py and service_layouts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TRUNCATED, DUPLICATE = "truncated", "duplicate"
UNDECODABLE, MISSING_KEY = "undecodable", "missing_key"
UNREADABLE_AMOUNT, UNREADABLE_DATE, UNKNOWN_CODE = "unreadable_amount", "unreadable_date", "unknown_code"


@dataclass(frozen=True)
class Field:
    """A native column: its contract column ("" where the contract wants none of it), header, codes, date pattern.

    `codes` translates contract words to native codes. The native name of a JSON feed is a dotted path. A column
    without contract column is found in the drawn table under its native name.
    """

    column: str
    native: str
    codes: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""
    is_quoted: bool = False

    @property
    def drawn(self) -> str:
        return self.column or self.native


@dataclass(frozen=True)
class Layout:
    """A feed as its source sends it; `spoils` names, by kind of dirt, the contract column that is spoiled.

    `is_second` where another system's layout of the same feed comes first.
    """

    feed: str
    source_system: str
    path: str
    form: str
    codec: str
    fields: tuple[Field, ...]
    constants: Mapping[str, str] = field(default_factory=dict)
    is_daily: bool = False
    is_second: bool = False
    spoils: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.feed}@{self.source_system}" if self.is_second else self.feed

    @property
    def kinds_of_dirt(self) -> tuple[str, ...]:
        return (TRUNCATED, DUPLICATE, *self.spoils) if self.spoils else ()

    def native_name(self, column: str) -> str:
        return next(one.native for one in self.fields if one.column == column)
