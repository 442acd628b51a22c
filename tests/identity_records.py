"""A few canonical records by hand, and what is linked of them."""

from datetime import date

import duckdb

RECORDS = """
    create table records (
        record_id varchar, source_system varchar, record_key varchar, first_delivery_date date, party_type varchar,
        person_key varchar, site_key varchar, full_name varchar, family_name varchar, given_name varchar,
        birth_date date, sex varchar, email varchar, region_code varchar, town varchar, street varchar,
        house_number varchar, has_unit boolean
    );
    create table phones (record_id varchar, phone varchar, valid_from date, valid_to date);
    create table never (record_a varchar, record_b varchar);
    create table always (record_a varchar, record_b varchar);
"""

Value = str | date | bool | None


def connection_with_tables() -> duckdb.DuckDBPyConnection:
    """An empty company."""
    connection = duckdb.connect()
    connection.execute(RECORDS)
    return connection


def add(
    connection: duckdb.DuckDBPyConnection,
    record_id: str,
    name: str | None = "김은경",
    phone: str | None = None,
    phone_from: date | None = None,
    phone_to: date | None = None,
    **values: Value,
) -> None:
    """One record, known by what is given; everything else is missing."""
    row: dict[str, Value] = {"record_id": record_id, "record_key": record_id, "source_system": "branch", **values}
    if name:
        row |= {"full_name": name, "family_name": name[0], "given_name": name[1:]}
    places = ", ".join("?" for _ in row)
    connection.execute(f"insert into records ({', '.join(row)}) values ({places})", list(row.values()))
    if phone:
        connection.execute("insert into phones values (?, ?, ?, ?)", [record_id, phone, phone_from, phone_to])
