"""What stewards decide about identity: these two records are always, or never, one customer."""

import duckdb

from pipelines.errors import UsageError
from pipelines.identity.evidence import Record
from pipelines.ledger.decisions import Author


def override(
    warehouse: duckdb.DuckDBPyConnection,
    kind: str,
    one: Record,
    other: Record,
    author: Author,
    undone: int | None = None,
) -> None:
    """Append an override of `kind` (always, never) on two records; the last one on a pair is in force.

    `undone` is the number of the event that it undoes. Raises UsageError where the two are one record.
    """
    if one.record_id == other.record_id:
        raise UsageError(f"{one.name} is one record, and an override is about two", "give two records")
    warehouse.execute(
        "insert into state.identity_overrides by name select "
        "coalesce(max(override_number), 0) + 1 as override_number, ? as kind, ? as record_a, ? as record_b, "
        "? as decided_by, ? as decided_at, ? as reason, ? as undone_event_number from state.identity_overrides",
        [
            kind,
            min(one.record_id, other.record_id),
            max(one.record_id, other.record_id),
            author.decided_by,
            author.decided_at,
            author.reason,
            undone,
        ],
    )


def undo(warehouse: duckdb.DuckDBPyConnection, event_number: int, author: Author) -> None:
    """Undo a merge: its two customers' founding records are never one customer again.

    Raises UsageError where there is no such merge.
    """
    row = warehouse.execute(
        "select kind, customer_id, other_customer_id from state.identity_events where event_number = ?", [event_number]
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no event {event_number}", "`crmdw identity events` lists them")
    kind, customer_id, other_customer_id = row
    if kind != "merge":
        raise UsageError(
            f"event {event_number} is a {kind}, and only a merge is undone",
            "say which records belong together with `crmdw identity always`",
        )
    override(warehouse, "never", Record(customer_id), Record(other_customer_id), author, event_number)
