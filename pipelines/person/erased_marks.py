"""What stands in the place of an erased person in a row, and how a load takes it over from the archive.

In the archive `_erased` marks a row that lost something. Empty: nothing of the row is left, and it counts as blocked.
ERASED, alone or before a colon: the row lost its person, in whose key's place the mark stands, and counts as before.
"""

from collections.abc import Iterator

import duckdb

from pipelines.connections import identifier
from pipelines.contracts import Feed
from pipelines.person.holdings import customer_column

ERASED = "-3"
"""The member of the customers' dimension that facts of erased persons belong to."""


def personal_columns(feed: Feed) -> list[str]:
    """The raw table's columns that say something of a person: the customer's key and what is private."""
    customer = customer_column(feed)
    return [column.name for column in feed.columns if column.private or column.name == customer]


def values_instead(feed: Feed, mark: str, system: str) -> Iterator[tuple[str, str]]:
    """Column and SQL of what a row of the feed has instead of its person, given that of its mark and its system."""
    customer = customer_column(feed)
    for name in personal_columns(feed):
        yield name, mark if name == customer or name in feed.key else "null"
        companion = feed.columns_by_name[name].companion
        if companion:
            yield companion, system


def take_erased(gate: duckdb.DuckDBPyConnection, feed: Feed, table: str = "mapped_rows") -> None:
    """Have `table` say of erased rows of `landing` what the archive says: blocked, or without a person.

    Needs the table `blocked`, to which blocked rows go.
    """
    if "_erased" not in {row[0] for row in gate.execute("describe landing").fetchall()}:
        return
    same = f"{table}.batch_id = landing.batch_id and {table}.row_number = landing.row_number"
    gate.execute(
        f"""
        insert into blocked
        select landing.batch_id, landing.row_number
        from landing
        anti join blocked on landing.batch_id = blocked.batch_id and landing.row_number = blocked.row_number
        where landing._erased = '';
        delete from {table} using landing where landing._erased = '' and {same}
        """
    )
    values = [
        f"{identifier(name)} = {value}" for name, value in values_instead(feed, "landing._erased", "source_system")
    ]
    if values:
        # What they have in common is no sign that two rows are one.
        gate.execute(
            f"update {table} set {', '.join(values)}, content_hash = hash(content_hash, landing._erased) "
            f"from landing where landing._erased <> '' and {same}"
        )


def empty_blocked(gate: duckdb.DuckDBPyConnection) -> None:
    """Leave nothing of the blocked rows of `landing` but their place, so that the archive never has more."""
    names = [row[0] for row in gate.execute("describe landing").fetchall()]
    if "_erased" not in names:
        gate.execute("alter table landing add column _erased varchar")
    emptied = [name for name in names if name not in ("batch_id", "row_number", "_erased")]
    gate.execute(
        f"""
        update landing set {"".join(f"{identifier(name)} = null, " for name in emptied)} _erased = ''
        from blocked
        where landing.batch_id = blocked.batch_id and landing.row_number = blocked.row_number
        """
    )
