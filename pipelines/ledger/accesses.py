"""Each access to what is held of a person: by whom, when, why. Append-only, and kept through a rebuild."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from pipelines.connections import has_table

if TYPE_CHECKING:
    from pipelines.ledger.decisions import Author

TABLES = """
create schema if not exists state;
create table if not exists state.accesses (
    access_number bigint primary key,
    customer_id varchar not null,
    accessed_by varchar not null,
    accessed_at timestamp not null,
    reason varchar not null,
    written_to varchar
);
"""
"""The shape of the log. `written_to` is the name of the file that the document went into, null for the terminal."""

EXPORTED = {"accesses": "access_number"}
"""Table -> the columns by which it grows."""


@dataclass(frozen=True)
class Access:
    """One line of the log; `accessed_at` is in UTC."""

    access_number: int
    customer_id: str
    accessed_by: str
    accessed_at: datetime
    reason: str
    written_to: str | None


def record_access(
    warehouse: duckdb.DuckDBPyConnection, customer_id: str, author: "Author", written_to: str | None
) -> None:
    """Append a line."""
    warehouse.execute(
        "insert into state.accesses by name select "
        "(select coalesce(max(access_number), 0) + 1 from state.accesses) as access_number, $customer as customer_id, "
        "$by as accessed_by, $at as accessed_at, $reason as reason, $written_to as written_to",
        {
            "customer": customer_id,
            "by": author.decided_by,
            "at": author.decided_at,
            "reason": author.reason,
            "written_to": written_to,
        },
    )


def is_kept(warehouse: duckdb.DuckDBPyConnection) -> bool:
    """Whether the warehouse has the log: one that an earlier version made gets it with the first access."""
    return has_table(warehouse, "state", "accesses")


def accesses(warehouse: duckdb.DuckDBPyConnection, customer_ids: list[str] | None, last: int) -> list[Access]:
    """The last lines about these customers, or about all, the newest first."""
    rows = warehouse.execute(
        """
        select access_number, customer_id, accessed_by, accessed_at, reason, written_to
        from state.accesses
        where $customers is null or list_contains($customers::varchar[], customer_id)
        order by access_number desc
        limit $last
        """,
        {"customers": customer_ids, "last": last},
    ).fetchall()
    return [Access(*row) for row in rows]
