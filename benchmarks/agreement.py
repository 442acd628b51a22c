"""Compares every table of the bare script with the published one: rows and all columns, whatever the order of the rows.

A customer's id is the identity ledger's, which depends on what came first, and the bare script has no such ledger. On
both sides a customer therefore counts as its smallest source record, and a customer's row as that record and its first
day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.connections import identifier
from pipelines.publishing.content_hash import published_tables

_SHOWN_KEYS = 5
# What is one row of these tables; of every other one it is the column named after the table.
_KEYS = {
    "dim_customer": "customer_row_id",
    "dim_customer_current": "customer_id",
    "mart_lifetime_value": "customer_id",
    "mart_rfm": "customer_id",
    "dim_date": "date_id",
}
# Of doubles the tenth digit depends on the order in which they are added.
_DIGITS = 9


class TablesDifferError(RuntimeError):
    """A table of the bare script is not equal to the published one; the message names columns and keys."""


@dataclass(frozen=True)
class Difference:
    """How one `table` of the bare script differs from the published one.

    `columns` are those that only one side has, has with another type, or holds with another value under the same key.
    `only_published` and `only_bare` count rows that have no equal row on the other side, each as often as it comes.
    """

    table: str
    columns: list[str]
    only_published: int
    only_bare: int
    keys: list[str]

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.only_published:,} rows only published, {self.only_bare:,} only in the bare script; "
            f"columns {', '.join(self.columns) or 'none, but rows'}; for example {', '.join(self.keys) or 'no row'}"
        )


def require_agreement(published: Path, bare: Path) -> str:
    """How many tables are equal, as "11 of 11".

    Raises TablesDifferError where one is not, or where the bare file holds no table.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as published (read_only)")
        connection.execute(f"attach '{bare}' as bare (read_only)")
        tables = published_tables(connection, "bare")
        for catalog in ("published", "bare"):
            _name_customers(connection, catalog)
        differences = [found for schema, table in tables for found in _differences(connection, schema, table)]
    agreement = f"{len(tables) - len(differences)} of {len(tables)}"
    if differences or not tables:
        told = "".join(f"\n  {difference}" for difference in differences)
        raise TablesDifferError(f"The bare script builds {agreement} tables equal to the published ones.{told}")
    return agreement


def _name_customers(connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Create `CATALOG_customers` (customer_id, name) and `CATALOG_rows` (customer_row_id, name).

    Where no bridge says which records a customer has, as in the bare file, the customer's id is its record's.
    """
    core = identifier(catalog, "core")
    has_bridge = ("core", "bridge_customer_source") in published_tables(connection, catalog)
    names = (
        f"select customer_id, arg_min(customer_source_id, (source_system, source_key)) as name "
        f"from {core}.bridge_customer_source where valid_to is null group by customer_id"
        if has_bridge
        else "select null::varchar as customer_id, null::varchar as name where false"
    )
    connection.execute(f"create temp table {catalog}_customers as {names}")
    connection.execute(
        f"""
        create temp table {catalog}_rows as
        select
            dim_customer.customer_row_id,
            coalesce(named.name, dim_customer.customer_id) || ' from ' || dim_customer.valid_from as name,
        from {core}.dim_customer
        left join {catalog}_customers as named on dim_customer.customer_id = named.customer_id
        """
    )


def _differences(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> Iterator[Difference]:
    """The difference of one table, or nothing where the two are equal."""
    published = _columns(connection, "published", schema, table)
    bare = _columns(connection, "bare", schema, table)
    shared = sorted(published.items() & bare.items())
    lone = sorted({name for name, _ in published.items() ^ bare.items()})
    if not shared:
        yield Difference(f"{schema}.{table}", lone, 0, 0, [])
        return
    for catalog in ("published", "bare"):
        connection.execute(f"create or replace temp table {catalog}_side as {_side(catalog, schema, table, shared)}")
    connection.execute(
        "create or replace temp table only_published as from published_side except all from bare_side;"
        "create or replace temp table only_bare as from bare_side except all from published_side"
    )
    counts = [_count(connection, f"only_{catalog}") for catalog in ("published", "bare")]
    if lone or any(counts):
        key = _KEYS.get(table, f"{table.split('_', 1)[1]}_id")
        yield Difference(
            f"{schema}.{table}", lone + _differing(connection, key, shared), *counts, _some_keys(connection, key)
        )


def _columns(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> dict[str, str]:
    """Type by name; empty where there is no such table."""
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = ? and schema_name = ? and table_name = ?",
            [catalog, schema, table],
        ).fetchall()
    )


def _side(catalog: str, schema: str, table: str, columns: list[tuple[str, str]]) -> str:
    """The query of one side's rows, with customers by their records and doubles rounded."""
    values, joins = [], ""
    for name, data_type in columns:
        column = f"side.{identifier(name)}"
        if name in ("customer_id", "customer_row_id"):
            names = f"{catalog}_customers" if name == "customer_id" else f"{catalog}_rows"
            joins += f" left join {names} as of_{name} on {column} = of_{name}.{name}"
            column = f"coalesce(of_{name}.name, {column})"
        elif data_type in ("DOUBLE", "FLOAT"):
            column = f"round({column}, {_DIGITS})"
        values.append(f"{column} as {identifier(name)}")
    return f"select {', '.join(values)} from {identifier(catalog, schema, table)} as side{joins}"


def _differing(connection: duckdb.DuckDBPyConnection, key: str, columns: list[tuple[str, str]]) -> list[str]:
    """The columns that hold different values under a key that both sides have."""
    differs = ", ".join(
        f"coalesce(bool_or(p.{identifier(name)} is distinct from b.{identifier(name)}), false)" for name, _ in columns
    )
    key = identifier(key)
    row = connection.execute(
        f"select {differs} from only_published as p join only_bare as b on p.{key} = b.{key}"
    ).fetchone()
    assert row is not None
    return [name for (name, _), is_different in zip(columns, row, strict=True) if is_different]


def _some_keys(connection: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    key = identifier(key)
    rows = connection.execute(
        f"select {key}::varchar from (from only_published union all from only_bare) group by all order by all "
        f"limit {_SHOWN_KEYS}"
    ).fetchall()
    return [value for (value,) in rows]


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])
