"""The shape of the table `landing`, and how a batch that cannot be landed row by row is spoken of.

Landing has batch_id, row_number (the line in a text file, the row of a sheet, else the ordinal), `_unparsed` (why a
record could not be split into columns, else null), `_record` (such a record's text; in JSON Lines every record's) and
the source's own columns, under other names where they clash with these. An archived batch of which persons were erased
has `_erased` too (see `pipelines/privacy/erased_rows.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

from pipelines.connections import literal
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery

Faults = dict[str, str]
"""batch_id -> why the whole batch cannot be read."""


@dataclass(frozen=True)
class Landed:
    """What landing finds out about deliveries, beside their rows.

    `columns` maps batch_id to the source's own columns in the file's order: `name type, name type`, or names alone
    where the format knows no types. A batch whose columns are unknown is not in it. `changed` maps batch_id to the
    delivery as it was when its rows were read, of a source that can change between look and reading.
    `may_be_undecodable` is false where it is known that no text holds a U+FFFD.
    """

    faults: Faults
    columns: dict[str, str]
    changed: dict[str, Delivery] = field(default_factory=dict)
    may_be_undecodable: bool = True


UNMAPPABLE = "the delivery's columns are not the contract's"
"""Why each record of a faulty batch is unparsed."""

OWN_COLUMNS = {
    "batch_id": "varchar",
    "row_number": "bigint",
    "_unparsed": "varchar",
    "_record": "varchar",
    "_erased": "varchar",
}

_SHOWN_CHARACTERS = 300

# A date has eight digits, a telephone number more. PostgreSQL's names have 63 bytes at most, others are longer.
_MOST_DIGITS = 8
_LONGEST_NAME = 60
_DATA = "(data in place of a name)"


def create_empty_landing(gate: duckdb.DuckDBPyConnection) -> None:
    """Create `landing` without a row, for deliveries of which none can be read."""
    columns = ", ".join(f"{name} {data_type}" for name, data_type in OWN_COLUMNS.items())
    gate.execute(f"create table landing ({columns})")


def create_landing(
    gate: duckdb.DuckDBPyConnection, delivery: Delivery, records: str, columns: list[str], reason: str | None
) -> None:
    """Create `landing` from the relation `records` (row_number and what `columns` select) of one delivery.

    With a `reason` why its columns cannot be mapped, all its rows are unparsed.
    """
    gate.execute(
        f"""
        create table landing as
        select
            {literal(delivery.batch_id)} as batch_id,
            row_number,
            {literal(UNMAPPABLE) if reason else "null"}::varchar as _unparsed,
            null::varchar as _record,
            {", ".join(columns)}
        from {records}
        """
    )


def landed_name(column: str) -> str:
    """The name in landing of a column of the source."""
    return f"{column} of the source" if column.lower() in OWN_COLUMNS else column


def fault(delivery: Delivery, cause: str, remedy: str) -> str:
    """The sentence for a batch that cannot be landed: file, cause and remedy, and nobody's data."""
    return f"{delivery.path.name}: {cause}. Remedy: {remedy}"


def column_names(names: Iterable[str]) -> str:
    """The columns of a source whose format knows no types, as one text; of what is data, that it is."""
    return ", ".join(_name(name) for name in names if name)


def typed_columns(columns: Iterable[tuple[str, object]]) -> str:
    """The columns of a typed source, given as (name, type), as one text; of what is data, that it is."""
    return ", ".join(f"{_name(name)} {str(data_type).lower()}".strip() for name, data_type in columns)


def _name(name: str) -> str:
    """`name`, where it can be one: objects are keyed by persons at times, and a header line may be missing.

    The result goes into errors, the ledger and Dagster's log.
    """
    is_data = "@" in name or len(re.findall("[0-9０-９]", name)) > _MOST_DIGITS or len(name) > _LONGEST_NAME
    return _DATA if is_data else name


def missing_columns(source: Source, header: list[str]) -> list[str]:
    """The mapped columns that a header lacks."""
    return [name for name in source.source_columns if name not in header]


def new_names(not_mapped: Iterable[str]) -> str:
    """What may be the new name of a column that is missing, as a sentence; empty where there is none."""
    names = column_names(not_mapped)
    return f". Nothing maps {names[:_SHOWN_CHARACTERS]}: a column may have a new name" if names else ""


def header_fault(
    source: Source, delivery: Delivery, header: list[str], hint: tuple[str, str] | None = None
) -> str | None:
    """Why a delivery with this header cannot be mapped, else None; `hint` is a likelier cause and its remedy."""
    if not any(header):
        return fault(delivery, "the file is empty; even a day without rows has its header line", "deliver it again")
    # In SQL two names that differ in case alone are one name.
    folded = [name.casefold() for name in header if name]
    doubled = [name for name in source.source_columns if folded.count(name.casefold()) > 1]
    row = f"row {source.header_row}: " if source.format in ("csv", "excel") else ""
    if len(set(folded)) < len(folded):
        which = ", ".join(doubled) or "a column that is not mapped"
        return fault(delivery, f"{row}the header names {which} twice", "deliver it with distinct names")
    missing = missing_columns(source, header)
    if not missing:
        return None
    cause = f"{row}the columns {', '.join(missing)} are missing"
    # Where the header line itself is missing, the first row is some person's and is not shown.
    if len(missing) < len(source.source_columns):
        cause += f"; the header is {column_names(header)}"[:_SHOWN_CHARACTERS]
        cause += new_names(name for name in header if name not in source.source_columns)
    likelier, remedy = hint or (
        "",
        "map the new names in the sources file and run again, or deliver the file with the agreed header",
    )
    return fault(delivery, cause + likelier, remedy)
