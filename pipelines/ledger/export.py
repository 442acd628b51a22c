"""The copies of what nothing can make again, in `<home>/state/`, beside the warehouse file.

They are written before each run and after each decision, and fill a new warehouse.
"""

from collections.abc import Collection
from pathlib import Path

import duckdb

from pipelines.connections import exact_name, identifier, literal
from pipelines.errors import WarehouseError
from pipelines.home.durable import synchronise
from pipelines.ledger import accesses, erasures, identity, prunings
from pipelines.settings import Settings

_EXPORTED = {
    "decisions": ("state", "decision_number"),
    "publications": ("ledger", "published_at"),
    **{
        table: ("state", order)
        for owner in (identity, accesses, erasures, prunings)
        for table, order in owner.EXPORTED.items()
    },
}
"""Table -> its schema, and the columns by which it grows."""

_NUMBERS = {"decisions": "decision_number", **identity.NUMBERS}
"""Table of schema `state` -> the number that says how far it has come, which several of them may share."""


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
