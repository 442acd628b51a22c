"""The shape of the table `landing`, and how a batch that cannot be landed row by row is spoken of.

Landing has batch_id, row_number (the line in a text file, the ordinal in a Parquet file), `_unparsed` (why a record
could not be split into columns, else null), `_record` (such a record's text; in JSON Lines every record's) and the
source's own columns, under other names where they clash with these four.
"""

import duckdb

from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery

Faults = dict[str, str]
"""batch_id -> why the whole batch cannot be read."""

UNMAPPABLE = "the delivery's columns are not the contract's"
"""Why each record of a faulty batch is unparsed."""

_OWN_COLUMNS = {"batch_id": "varchar", "row_number": "bigint", "_unparsed": "varchar", "_record": "varchar"}

_SHOWN_CHARACTERS = 300


def create_empty_landing(gate: duckdb.DuckDBPyConnection) -> None:
    """Create `landing` without a row, for deliveries of which none can be read."""
    columns = ", ".join(f"{name} {data_type}" for name, data_type in _OWN_COLUMNS.items())
    gate.execute(f"create table landing ({columns})")


def landed_name(column: str) -> str:
    """The name in landing of a column of the source."""
    return f"{column} of the source" if column.lower() in _OWN_COLUMNS else column


def fault(delivery: Delivery, cause: str, remedy: str) -> str:
    """The sentence for a batch that cannot be landed: file, cause and remedy, and nobody's data."""
    return f"{delivery.path.name}: {cause}. Remedy: {remedy}"


def missing_columns(source: Source, header: list[str]) -> list[str]:
    """The mapped columns that a header lacks."""
    return [name for name in source.source_columns if name not in header]


def header_fault(
    source: Source, delivery: Delivery, header: list[str], hint: tuple[str, str] | None = None
) -> str | None:
    """Why a delivery with this header cannot be mapped, else None; `hint` is a likelier cause and its remedy."""
    if not any(header):
        return fault(delivery, "the file is empty; even a day without rows has its header line", "deliver it again")
    # Names are told apart by more than their case nowhere in SQL.
    folded = [name.casefold() for name in header if name]
    doubled = [name for name in source.source_columns if folded.count(name.casefold()) > 1]
    if len(set(folded)) < len(folded):
        which = ", ".join(doubled) or "a column that is not mapped"
        return fault(delivery, f"row 1: the header names {which} twice", "deliver it with distinct names")
    missing = missing_columns(source, header)
    if not missing:
        return None
    cause = f"row 1: the columns {', '.join(missing)} are missing"
    # Where the header line itself is missing, the first row is some person's and is not shown.
    if len(missing) < len(source.source_columns):
        cause += f"; the header is {', '.join(header)}"[:_SHOWN_CHARACTERS]
    likelier, remedy = hint or (
        "",
        "map the new names in the sources file and run again, or deliver the file with the agreed header",
    )
    return fault(delivery, cause + likelier, remedy)
