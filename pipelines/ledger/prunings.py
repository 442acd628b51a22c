"""What was pruned of raw and archive, up to which day, and what the ledger still has to say of it.

Days before that one are closed: what was delivered for them is not loaded, mended or withdrawn any more.
"""

from __future__ import annotations

from datetime import date, datetime

import duckdb

from pipelines.connections import has_table

TABLES = """
create schema if not exists state;
create table if not exists state.prunings (
    pruning_number bigint primary key,
    feed varchar not null,
    delivered_before date not null,
    pruned_at timestamp not null
);
create table if not exists ledger.pruned_batches (
    batch_id varchar primary key,
    feed varchar not null,
    delivered_before date not null,
    rows_pruned bigint not null
);
create table if not exists state.pruned_loads as
select loads.*, pruned.delivered_before, pruned.rows_pruned
from ledger.loads as loads inner join ledger.pruned_batches as pruned using (batch_id)
limit 0;
create table if not exists state.pruned_results as from ledger.gate_results limit 0;
"""
"""state.prunings is what was decided, and kept through a rebuild; ledger.pruned_batches what is carried out: raw holds
`rows_loaded + rows_fixed - rows_pruned` rows of a batch. Of a batch whose archive is gone nothing remakes the ledger's
line and the gate's results: they are in state.pruned_loads and state.pruned_results."""

EXPORTED = {
    "prunings": "pruning_number",
    "pruned_loads": "feed, delivery_date, batch_id",
    "pruned_results": "feed, batch_id, suite, expectation",
}
"""Table -> the columns by which its copy is ordered."""


def closed_before(warehouse: duckdb.DuckDBPyConnection) -> dict[str, date]:
    """Feed -> the first delivery date that is not closed; none in a home from before there was any pruning."""
    if not is_there(warehouse):
        return {}
    return dict(
        warehouse.execute("select feed, max(delivered_before) from ledger.pruned_batches group by all").fetchall()
    )


def pruned_since(warehouse: duckdb.DuckDBPyConnection, instant: datetime) -> dict[str, date]:
    """Feed -> the day before which it was pruned after `instant` (UTC, without a zone)."""
    if not is_there(warehouse):
        return {}
    query = "select feed, max(delivered_before) from state.prunings where pruned_at > ? group by all order by all"
    return dict(warehouse.execute(query, [instant]).fetchall())


def without_archive(warehouse: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The batches of which the archive keeps nothing but the manifest."""
    rows = warehouse.execute("select batch_id from state.pruned_loads").fetchall()
    return frozenset(batch_id for (batch_id,) in rows)


def restore_lines(warehouse: duckdb.DuckDBPyConnection, feed: str, known: list[str]) -> None:
    """Give a new ledger the lines and results of the `known` batches of a feed whose archive is gone.

    A line is in force unless another known batch has taken its place. Retractions are to be carried out after this.
    """
    warehouse.execute(
        """
        insert into ledger.loads by name
        select
            * exclude (delivered_before, rows_pruned) replace (
                (select coalesce(max(load_number), 0) from ledger.loads)
                + row_number() over (order by load_number, batch_id) as load_number,
                coalesce(not list_contains($known::varchar[], superseded_by), true) as is_current,
                if(list_contains($known::varchar[], superseded_by), superseded_by, null) as superseded_by,
                false as is_stale,
                false as is_retracted
            ),
        from state.pruned_loads
        where feed = $feed and list_contains($known::varchar[], batch_id)
        """,
        {"feed": feed, "known": known},
    )
    warehouse.execute(
        "insert into ledger.gate_results by name "
        "from state.pruned_results where feed = ? and list_contains(?::varchar[], batch_id)",
        [feed, known],
    )


def is_there(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a database of `connection` has these tables; one of an older version gets them with its next run."""
    return has_table(connection, "ledger", "pruned_batches")
