"""Lands days of a PostgreSQL table, streamed as Arrow in the server's types.

What Arrow has no exact type for comes as text: numeric with all its digits, uuid, json, enums, arrays. A row's number
is its place among the rows of its batch, ordered by all columns, the table's first one first.
"""

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa

from pipelines.connections import exact_name, identifier, insert_rows
from pipelines.errors import DatabaseError
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import Landed, landed_name, typed_columns
from pipelines.sources.postgresql import DAY, HASH, column_types, day_content, extraction, refused, session

# The driver's own 16 MB would be held several times over: by the driver, by Arrow, by each of DuckDB's threads.
_BATCH_BYTES = "2000000"


def land_postgresql(
    gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery], time_zone: str
) -> Landed:
    """Create `landing` from the days of `deliveries`, fetched by one query.

    A day that holds something else by now is another delivery, and told as such. Raises DatabaseError.
    """
    with session(source) as cursor:
        types = column_types(cursor, source)
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
        cursor.execute(extraction(source, types, time_zone, [delivery.delivery_date for delivery in deliveries]))
        _fetch(gate, source, cursor.fetch_record_batch())
    now = _as_fetched(gate, deliveries)
    order = ", ".join(f"fetched.{identifier(name)}" for name in types)
    columns = ", ".join(f"fetched.{identifier(name)} as {identifier(landed_name(name))}" for name in types)
    gate.execute(
        f"""
        create table landing as
        select
            days.batch_id,
            row_number() over (partition by days.batch_id order by {order}) as row_number,
            null::varchar as _unparsed,
            null::varchar as _record,
            {columns}
        from fetched
        inner join (select unnest($days::date[]) as day, unnest($batches::varchar[]) as batch_id) as days
            on fetched.{identifier(DAY)} = days.day
        """,
        {"days": [one.delivery_date for one in now], "batches": [one.batch_id for one in now]},
    )
    gate.execute("drop table fetched")
    return Landed(
        {},
        {one.batch_id: typed_columns(types.items()) for one in now},
        {seen.batch_id: one for seen, one in zip(deliveries, now, strict=True)},
    )


def keep_delivered_rows(
    gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery], files: list[str]
) -> None:
    """Add to `landing` what the batches that `deliveries` replace have in `files` of the archive, where it moved on.

    A row whose watermark moved to a later day was right on its own, and the later day may not be over yet: without this
    the row would be nowhere meanwhile. A row that moved to an earlier day, as by a transaction that began there, is not
    kept: its older form would pass for the newer.
    """
    keys = [landed_name(name) for column in source.contract.key for name in source.columns[column].source_columns]
    if not keys:
        return
    insert_rows(
        gate,
        "create or replace temp table days as from rows",
        ("batch_id", "day", "keeps"),
        [(delivery.batch_id, delivery.delivery_date, delivery.keeps) for delivery in deliveries],
    )
    same_key = " and ".join(f"landed.{identifier(key)}::varchar = earlier.{identifier(key)}::varchar" for key in keys)
    gate.execute(
        f"""
        create or replace temp table kept as
        select days.batch_id, earlier.* exclude (batch_id)
        from read_parquet(
            ?, union_by_name = true, hive_partitioning = true, hive_types_autocast = false
        ) as earlier
        inner join days on earlier.batch_id = days.keeps
        anti join (
            select days.day as "day of the batch", landing.*
            from landing
            inner join days on landing.batch_id = days.batch_id
        ) as landed on landed."day of the batch" <= days.day and {same_key}
        """,
        [[exact_name(file) for file in files]],
    )
    if gate.execute("from kept limit 1").fetchone():
        gate.execute(
            """
            create table with_kept as
            from landing
            union all by name
            select
                kept.* replace (
                    coalesce(last_numbers.last_number, 0)
                    + row_number() over (partition by kept.batch_id order by kept.row_number) as row_number
                )
            from kept
            left join (select batch_id, max(row_number) as last_number from landing group by batch_id) as last_numbers
                on kept.batch_id = last_numbers.batch_id;
            drop table landing;
            alter table with_kept rename to landing;
            """
        )
    gate.execute("drop table kept")


def _fetch(gate: duckdb.DuckDBPyConnection, source: Source, stream: pa.RecordBatchReader) -> None:
    """Create the table `fetched` from what the server sends, as it sends it."""
    failures: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from stream
        except Exception as error:
            failures.append(error)
            raise

    gate.register("row_stream", pa.RecordBatchReader.from_batches(stream.schema, batches()))
    try:
        gate.execute("create or replace table fetched as from row_stream")
    except duckdb.Error:
        # DuckDB's own words would quote the server's, which may quote a row.
        if failures:
            raise _broken_off(source, failures[0]) from None
        raise
    finally:
        gate.unregister("row_stream")


def _broken_off(source: Source, error: Exception) -> DatabaseError:
    return refused(source, str(error), getattr(error, "sqlstate", None))


def _as_fetched(gate: duckdb.DuckDBPyConnection, deliveries: list[Delivery]) -> list[Delivery]:
    """The deliveries with the content that was fetched, in their order."""
    sums = gate.execute(
        f"select {identifier(DAY)}, count(*), sum({identifier(HASH)})::hugeint from fetched group by all"
    ).fetchall()
    contents = {day: day_content(rows, hash_sum) for day, rows, hash_sum in sums}
    found = [contents.get(delivery.delivery_date, day_content(0, 0)) for delivery in deliveries]
    return [
        replace(delivery, size=content.rows, file_hash=content.content_hash)
        for delivery, content in zip(deliveries, found, strict=True)
    ]
