"""Lands JSON Lines: one object a line, kept whole, its values read by dotted paths when they are mapped."""

import duckdb

from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import UNMAPPABLE, Faults, fault
from pipelines.sources.text_landing import land_lines


def land_json_lines(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create `landing` from files of objects; a file in which no record has a mapped path is at fault."""
    faults = land_lines(gate, source, deliveries)
    gate.execute(
        """
        create table landing as
        select
            batch_id,
            row_number,
            case
                when not json_valid(line) then 'not JSON'
                when json_type(line) <> 'OBJECT' then 'not a JSON object'
            end as _unparsed,
            line as _record,
        from lines
        where trim(line) <> ''
        """
    )
    gate.execute("drop table lines")
    absent = _absent_paths(gate, source)
    for delivery in deliveries:
        if paths := absent.get(delivery.batch_id):
            faults[delivery.batch_id] = fault(
                delivery,
                f"of {len(source.source_columns)} mapped paths, {', '.join(paths)} are in no record",
                "map the new paths in the sources file and run again, or deliver the file with the agreed paths",
            )
    if absent:
        gate.execute(
            "update landing set _unparsed = coalesce(_unparsed, ?) where list_contains(?::varchar[], batch_id)",
            [UNMAPPABLE, list(absent)],
        )
    return faults


def json_path(column: str) -> str:
    """The JSON path of a dotted column of the sources file."""
    return "$" + "".join(f'."{part}"' for part in column.split("."))


def _absent_paths(gate: duckdb.DuckDBPyConnection, source: Source) -> dict[str, list[str]]:
    """batch_id -> the mapped paths that none of its records has; batches without a record owe none.

    A path that leads through an explicit null is there: nobody knows what would be below it.
    """
    columns = source.source_columns
    if not columns:
        return {}
    parents = {column: [column[:end] for end, mark in enumerate(column) if mark == "."] for column in columns}
    asked = list(dict.fromkeys([*columns, *(parent for some in parents.values() for parent in some)]))
    found = ", ".join(
        "bool_or("
        + " or ".join(
            [
                f"types[{asked.index(column) + 1}] is not null",
                *(f"coalesce(types[{asked.index(parent) + 1}] = 'NULL', false)" for parent in parents[column]),
            ]
        )
        + ")"
        for column in columns
    )
    rows = gate.execute(
        f"""
        select batch_id, {found}
        from (select batch_id, json_type(_record, ?::varchar[]) as types from landing where _unparsed is null)
        group by batch_id
        """,
        [[json_path(column) for column in asked]],
    ).fetchall()
    absent = {
        batch_id: [column for column, is_there in zip(columns, there, strict=True) if not is_there]
        for batch_id, *there in rows
    }
    return {batch_id: paths for batch_id, paths in absent.items() if paths}
