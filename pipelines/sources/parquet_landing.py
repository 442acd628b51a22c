"""Lands Parquet files in the types they have."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.connections import exact_name, identifier, insert_rows
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import (
    UNMAPPABLE,
    Faults,
    Landed,
    create_empty_landing,
    fault,
    header_fault,
    landed_name,
    typed_columns,
)


def parquet_schema(path: Path) -> str:
    """The names and types of a Parquet file's columns: files that differ in them are not landed together.

    Otherwise a number that one file holds as text would make text of it in all of them. Empty where the file is none.
    """
    try:
        return str(pq.read_schema(path).remove_metadata())
    except (OSError, pa.ArrowException):
        return ""


def land_parquet(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from files of one schema; a file that is damaged anywhere is at fault alone."""
    faults: Faults = {}
    columns: dict[str, str] = {}
    readable: list[Delivery] = []
    names: set[str] = set()
    for delivery in deliveries:
        try:
            typed = gate.sql("from read_parquet(?) limit 0", params=[exact_name(delivery.path)])
        except duckdb.Error as error:
            faults[delivery.batch_id] = _no_parquet(delivery, error)
            continue
        header = typed.columns
        columns[delivery.batch_id] = typed_columns(zip(header, typed.types, strict=True))
        if reason := header_fault(source, delivery, header):
            faults[delivery.batch_id] = reason
        names.update(header)
        readable.append(delivery)
    try:
        _read_parquet(gate, readable, names, list(faults))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        # One of them is damaged below its head.
        damaged = {delivery.batch_id: reason for delivery in readable if (reason := _damage(gate, delivery))}
        if not damaged:
            raise
        faults |= damaged
        readable = [delivery for delivery in readable if delivery.batch_id not in damaged]
        _read_parquet(gate, readable, names, list(faults))
    return Landed(faults, columns)


def _no_parquet(delivery: Delivery, error: duckdb.Error) -> str:
    return fault(
        delivery,
        f"not readable as Parquet: {str(error).splitlines()[0]}",
        "deliver it again, or set the right format in the sources file",
    )


def _damage(gate: duckdb.DuckDBPyConnection, delivery: Delivery) -> str | None:
    """Why the file's rows cannot be read, None where all of them can."""
    try:
        gate.execute("select bit_xor(hash(records)) from read_parquet(?) as records", [exact_name(delivery.path)])
    except duckdb.Error as error:
        return _no_parquet(delivery, error)
    return None


def _read_parquet(
    gate: duckdb.DuckDBPyConnection, deliveries: list[Delivery], names: set[str], unmappable: list[str]
) -> None:
    """Create `landing` from files whose columns, in any order, are `names`."""
    if not deliveries:
        create_empty_landing(gate)
        return
    gate.execute("create or replace temp table paths (path varchar, batch_id varchar)")
    insert_rows(
        gate,
        "insert into paths from rows",
        ("path", "batch_id"),
        [(str(delivery.path), delivery.batch_id) for delivery in deliveries],
    )
    clashing = [name for name in sorted(names) if landed_name(name) != name]
    renamed = ", ".join(f"{identifier(name)} as {identifier(landed_name(name))}" for name in clashing)
    gate.execute(
        f"""
        create table landing as
        select
            paths.batch_id,
            records.file_row_number + 1 as row_number,
            case when list_contains($unmappable::varchar[], paths.batch_id) then $reason end as _unparsed,
            null::varchar as _record,
            records.* exclude (_file, file_row_number) {f"rename ({renamed})" if renamed else ""},
        from read_parquet($paths, union_by_name = true, filename = '_file', file_row_number = true) as records
        inner join paths on records._file = paths.path
        """,
        {
            "unmappable": unmappable,
            "reason": UNMAPPABLE,
            "paths": [exact_name(delivery.path) for delivery in deliveries],
        },
    )
