"""What people decided about deliveries and rows: fixes, discards, retractions. Nothing remakes it.

The table is append-only: a later decision takes an earlier one's place and leaves it standing.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

TABLES = """
create schema if not exists state;
create table if not exists state.decisions (
    decision_number bigint primary key,
    kind varchar not null check (kind in ('fix', 'discard', 'retract', 'restore')),
    decided_by varchar not null,
    decided_at timestamp not null,
    reason varchar not null,
    feed varchar not null,
    batch_id varchar not null,
    row_number bigint,
    held_for varchar,
    content varchar
);
"""
"""The shape of the decisions. Of a fix, `content` is a JSON object of all values that its row has instead of those it
came with, by the names of landing's columns; `held_for` is why the row was held back when it was decided."""


@dataclass(frozen=True)
class Author:
    """Who decides, at what instant (UTC, without a zone), and why."""

    decided_by: str
    decided_at: datetime
    reason: str


def record(warehouse: duckdb.DuckDBPyConnection, kind: str, author: Author, targets: str) -> None:
    """Append a decision of `kind` per row of the query `targets`: feed, batch_id, row_number, held_for, content."""
    warehouse.execute(
        f"""
        insert into state.decisions by name
        select
            (select coalesce(max(decision_number), 0) from state.decisions)
            + row_number() over (order by targets.batch_id, targets.row_number) as decision_number,
            ? as kind,
            ? as decided_by,
            ? as decided_at,
            ? as reason,
            targets.*,
        from ({targets}) as targets
        """,
        [kind, author.decided_by, author.decided_at, author.reason],
    )


def in_force(catalog: str = "") -> str:
    """The query of the last decision on each row, and on each batch as a whole (row_number is null)."""
    # Not a view: views do not survive a rename of the warehouse file.
    return (
        f"from {catalog}state.decisions "
        "qualify decision_number = max(decision_number) over (partition by batch_id, row_number)"
    )
