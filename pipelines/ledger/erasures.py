"""What was erased, when and by whom, without personal data. Nothing remakes it, so it is exported like decisions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

import duckdb

from pipelines.connections import has_table

TABLES = """
create schema if not exists state;
create table if not exists state.erasures (
    erasure_number bigint primary key,
    mode varchar not null check (mode in ('erase', 'separate')),
    erased_date date not null,
    persons bigint not null,
    decided_by varchar not null,
    decided_at timestamp not null,
    reason varchar not null,
    separated_file varchar,
    destroy_date date
);
create table if not exists state.tombstones (
    erasure_number bigint not null,
    kind varchar not null,
    hash varchar not null,
    erased_date date not null
);
create table if not exists state.erased_batches (
    erasure_number bigint not null,
    feed varchar not null,
    batch_id varchar not null,
    rows_removed bigint not null,
    rows_changed bigint not null,
    archive_hash varchar
);
"""
"""Of an erased batch, `archive_hash` is that of its Parquet file as it was rewritten, and the rows are the archive's:
those of which nothing is left, and those that lost the person. The counts of its arrival stay in ledger.loads."""

EXPORTED = {
    "erasures": "erasure_number",
    "tombstones": "erasure_number, kind, hash",
    "erased_batches": "erasure_number, feed, batch_id",
}
"""Table -> the columns by which it grows."""


@dataclass(frozen=True)
class Erasure:
    """One erasure: how many persons it was of, on which business day, and who decided it, when (UTC) and why.

    If they were separated, `separated_file` is the name of the file that holds them until `destroy_date`.
    """

    erasure_number: int
    mode: str
    erased_date: date
    persons: int
    decided_by: str
    decided_at: datetime
    reason: str
    separated_file: str | None
    destroy_date: date | None


def erasures(warehouse: duckdb.DuckDBPyConnection) -> list[Erasure]:
    """All erasures in their order; none in a home from before there were any."""
    if not is_there(warehouse):
        return []
    columns = ", ".join(column.name for column in fields(Erasure))
    rows = warehouse.execute(f"select {columns} from state.erasures order by erasure_number").fetchall()
    return [Erasure(*row) for row in rows]


def erased_batches(warehouse: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The batches whose archive was rewritten, because persons were erased of it."""
    if not is_there(warehouse):
        return frozenset()
    rows = warehouse.execute("select distinct batch_id from state.erased_batches").fetchall()
    return frozenset(batch_id for (batch_id,) in rows)


def erased(warehouse: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """The number of the last erasure, where there is any: what it changed is to be published."""
    return tuple(one.erasure_number for one in erasures(warehouse)[-1:])


def is_there(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a database of `connection` has these tables; one of an older version gets them with its next run."""
    return has_table(connection, "state", "erased_batches")
