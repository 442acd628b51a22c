"""The content hash: equal wherever two warehouses hold the same core and marts, whatever the order of their rows.

Left out are columns whose comment says that they are about the run, not the content (`run metadata`).
"""

import hashlib

import duckdb

from pipelines.connections import identifier

PUBLISHED_SCHEMAS = ("core", "marts")
RUN_METADATA = "run metadata"


def published_tables(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, str]]:
    """(schema, table) of every table that is published from `catalog`, sorted."""
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = ? and list_contains(?, schema_name) order by all",
        [catalog, list(PUBLISHED_SCHEMAS)],
    ).fetchall()


def table_hash(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> str:
    """Column names, row count and sum of the rows' md5 numbers, free of row order; doubles rounded to 9 digits."""
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? "
        "and not contains(coalesce(comment, ''), ?) order by column_name",
        [catalog, schema, table, RUN_METADATA],
    ).fetchall()
    values = ", ".join(f"coalesce({_rounded(name, data_type)}::varchar, chr(30))" for name, data_type in columns)
    row = connection.execute(
        f"select count(*) || ':' || coalesce(sum(md5_number_lower(concat_ws(chr(31), {values}))), 0) "
        f"from {identifier(catalog, schema, table)}"
    ).fetchone()
    assert row is not None
    return f"{','.join(name for name, _ in columns)}:{row[0]}"


def copy_hash(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> tuple[int, int | None]:
    """Row count and sum of the rows' DuckDB hashes, over every column: tells in a moment whether a copy is exact.

    DuckDB promises this hash for one version only, so it is compared at once and kept nowhere.
    """
    columns = connection.execute(
        "select column_name from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? order by column_name",
        [catalog, schema, table],
    ).fetchall()
    values = ", ".join(identifier(name) for (name,) in columns)
    row = connection.execute(
        f"select count(*), sum(hash({values})::hugeint) from {identifier(catalog, schema, table)}"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def content_hash(connection: duckdb.DuckDBPyConnection, catalog: str) -> str:
    """One md5 text over the hashes of all published tables of `catalog`."""
    parts = [
        f"{schema}.{table}={table_hash(connection, catalog, schema, table)}"
        for schema, table in published_tables(connection, catalog)
    ]
    return hashlib.md5("\n".join(parts).encode()).hexdigest()


def _rounded(name: str, data_type: str) -> str:
    return f"round({identifier(name)}, 9)" if data_type in ("DOUBLE", "FLOAT") else identifier(name)
