"""What people decided about deliveries and rows: fixes, discards, retractions. Nothing remakes it, so it is kept twice.

The table is append-only: a later decision takes an earlier one's place and leaves it standing. Beside the warehouse
file a copy lies in `<home>/state/`, written before each run and after each decision.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.connections import exact_name, identifier, literal
from pipelines.errors import WarehouseError
from pipelines.home.durable import synchronise
from pipelines.ledger import accesses as access_log
from pipelines.ledger import erasures as erasure_ledger
from pipelines.ledger import identity
from pipelines.ledger import prunings as pruning_ledger
from pipelines.settings import Settings

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

_EXPORTED = {
    "decisions": ("state", "decision_number"),
    "publications": ("ledger", "published_at"),
    **{
        table: ("state", order)
        for owner in (identity, access_log, erasure_ledger, pruning_ledger)
        for table, order in owner.EXPORTED.items()
    },
}
"""Table -> its schema, and the columns by which it grows."""

_NUMBERS = {"decisions": "decision_number", **identity.NUMBERS}
"""Table of schema `state` -> the number that says how far it has come, which several of them may share."""


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


def export_state(warehouse: duckdb.DuckDBPyConnection, settings: Settings, rewritten: Collection[str] = ()) -> None:
    """Copy the decisions and the publications out of the warehouse, each file replaced whole.

    The tables `rewritten` are copied whatever the copies hold, because an erasure took something out of them. Raises
    WarehouseError where a copy knows more than the warehouse does: then the warehouse is not the one it was.
    """
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    tables = warehouse.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    for table, (schema, order) in _EXPORTED.items():
        copy = state_file(settings, table)
        if (schema, table) not in tables and not copy.exists():
            continue  # a warehouse from before there was such a table
        rows = _count(warehouse, identifier(schema, table))
        copied = _count(warehouse, f"read_parquet({literal(exact_name(copy))})") if copy.exists() else 0
        if copied > rows and table not in rewritten:
            raise WarehouseError(
                f"{copy} holds {copied} {table}, and {settings.warehouse} only {rows}",
                "run `crmdw rebuild`, which makes the warehouse anew with them",
            )
        if copied == rows and copy.exists() and table not in rewritten:
            continue
        written = copy.with_name(copy.name + ".new")
        written.unlink(missing_ok=True)
        warehouse.execute(
            f"copy (from {identifier(schema, table)} order by {order}) to {literal(written)} (format parquet)"
        )
        # DuckDB gives a new file the mode of any other; the folder lets nobody else in meanwhile.
        written.chmod(0o600)
        synchronise([written])
        written.replace(copy)
        synchronise([settings.state])


def import_state(warehouse: duckdb.DuckDBPyConnection, settings: Settings, until: dict[str, int] | None = None) -> None:
    """Fill the empty tables of a new warehouse from their copies; with `until`, an `extent`, as they were then."""
    for table, (schema, _) in _EXPORTED.items():
        if (copy := state_file(settings, table)).exists():
            number = _NUMBERS.get(table)
            condition = f"where {number} <= {until[number]:d}" if until and number else ""
            warehouse.execute(
                f"insert into {identifier(schema, table)} by name from read_parquet(?) {condition}", [exact_name(copy)]
            )


def extent(warehouse: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How far what was decided has come: number -> the last one, 0 before the first."""
    found = dict.fromkeys(_NUMBERS.values(), 0)
    for table, number in _NUMBERS.items():
        (last,) = warehouse.execute(f"select max({number}) from {identifier('state', table)}").fetchone() or (None,)
        found[number] = max(found[number], last or 0)
    return found


def state_file(settings: Settings, table: str) -> Path:
    """Where the copy of a table of decisions lies."""
    return settings.state / f"{table}.parquet"


def _count(warehouse: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = warehouse.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])
