"""The content hash: equal wherever two warehouses hold the same core and marts, whatever the order of their rows.

Left out are columns whose comment says that they are about the run, not the content (`run metadata`), and which
customer a record was taken for before, which is the identity ledger's memory of the days on which it was asked.
"""

import hashlib

import duckdb

from pipelines.connections import identifier
from pipelines.publishing.schemas import published_schemas

RUN_METADATA = "run metadata"

_RECORDS = "bridge_customer_source"
_CUSTOMER_KEYS = ("customer_id", "customer_row_id")


def published_tables(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, str]]:
    """(schema, table) of every table that is published from `catalog`, sorted."""
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = ? and list_contains(?, schema_name) order by all",
        [catalog, published_schemas()],
    ).fetchall()


def table_hash(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> str:
    """Column names, row count and sum of the rows' md5 numbers, free of row order; doubles rounded to 9 digits.

    A customer counts as the smallest (system, number) of its records, because its id depends on what came first.
    """
    return _table_hash(connection, catalog, schema, table, _name_customers(connection, catalog))


def _table_hash(
    connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str, are_customers_named: bool
) -> str:
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? "
        "and not contains(coalesce(comment, ''), ?) order by column_name",
        [catalog, schema, table, RUN_METADATA],
    ).fetchall()
    named = [name for name, _ in columns if name in _CUSTOMER_KEYS and are_customers_named]
    values = ", ".join(
        f"coalesce({f'of_{name}.name, ' if name in named else ''}{_rounded(name, data_type)}::varchar, chr(30))"
        for name, data_type in columns
    )
    joins = " ".join(
        f"left join customer_names as of_{name} on hashed.{identifier(name)} = of_{name}.key" for name in named
    )
    row = connection.execute(
        f"select count(*) || ':' || coalesce(sum(md5_number_lower(concat_ws(chr(31), {values}))), 0) "
        f"from {identifier(catalog, schema, table)} as hashed {joins}"
        + (" where hashed.valid_to is null" if (schema, table) == ("core", _RECORDS) else "")
    ).fetchone()
    assert row is not None
    return f"{','.join(name for name, _ in columns)}:{row[0]}"


def _name_customers(connection: duckdb.DuckDBPyConnection, catalog: str) -> bool:
    """Create `customer_names` (key, name) for the keys of customers and of their rows; false where there are none."""
    if ("core", _RECORDS) not in published_tables(connection, catalog):
        return False
    core = identifier(catalog, "core")
    connection.execute(
        f"""
        create or replace temp table customer_names as
        with names as (
            select customer_id as key, arg_min(customer_source_id, (source_system, source_key)) as name
            from {core}.{_RECORDS}
            where valid_to is null
            group by customer_id
        )
        from names
        union all
        select rows.customer_row_id, names.name || ' from ' || rows.valid_from
        from {core}.dim_customer as rows
        inner join names on rows.customer_id = names.key
        """
    )
    return True


def content_hash(connection: duckdb.DuckDBPyConnection, catalog: str) -> str:
    """One md5 text over the hashes of all published tables of `catalog`."""
    are_customers_named = _name_customers(connection, catalog)
    parts = [
        f"{schema}.{table}={_table_hash(connection, catalog, schema, table, are_customers_named)}"
        for schema, table in published_tables(connection, catalog)
    ]
    return hashlib.md5("\n".join(parts).encode()).hexdigest()


def _rounded(name: str, data_type: str) -> str:
    column = f"hashed.{identifier(name)}"
    return f"round({column}, 9)" if data_type in ("DOUBLE", "FLOAT") else column
