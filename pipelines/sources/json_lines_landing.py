"""Lands JSON Lines: one object a line, kept whole, and the value at each mapped path as a column of text beside it."""

import duckdb

from pipelines.connections import identifier, literal
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import UNMAPPABLE, Landed, column_names, fault, landed_name, new_names
from pipelines.sources.text_landing import land_lines


def land_json_lines(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from files of objects; a file in which no record has a mapped path is at fault."""
    faults = land_lines(gate, source, deliveries)
    gate.execute(
        f"""
        create table landing as
        with records as (
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
        )
        {with_paths("records", source.source_columns)}
        """
    )
    gate.execute("drop table lines")
    without_objects = _without_objects(gate)
    for delivery in deliveries:
        if cause := without_objects.get(delivery.batch_id):
            remedy = "deliver one object a line, as `jq -c '.[]'` makes of an array, and run again"
            faults.setdefault(delivery.batch_id, fault(delivery, cause, remedy))
    keys = _keys(gate)
    mapped = {path.split(".")[0] for path in source.source_columns}
    absent = _absent_paths(gate, source)
    for delivery in deliveries:
        if paths := absent.get(delivery.batch_id):
            faults[delivery.batch_id] = fault(
                delivery,
                f"of {len(source.source_columns)} mapped paths, {', '.join(paths)} are in no record"
                + new_names(key for key in keys[delivery.batch_id] if key not in mapped),
                "map the new paths in the sources file and run again, or deliver the file with the agreed paths",
            )
    if absent:
        gate.execute(
            "update landing set _unparsed = coalesce(_unparsed, ?) where list_contains(?::varchar[], batch_id)",
            [UNMAPPABLE, list(absent)],
        )
    return Landed(faults, {batch_id: column_names(names) for batch_id, names in keys.items()})


def with_paths(records: str, paths: list[str]) -> str:
    """The query of `records` (with `_record` and `_unparsed`) and, beside them, a text column for each of `paths`."""
    # All paths at once, because each call reads the record anew.
    pointers = ", ".join(literal(_pointer(path)) for path in paths)
    columns = ", ".join(
        f"found[{position}] as {identifier(landed_name(path))}" for position, path in enumerate(paths, 1)
    )
    return f"""
        select * exclude (found), {columns}
        from (
            select
                *,
                case when _unparsed is null then json_extract_string(_record, [{pointers}]::varchar[]) end as found,
            from {records}
        )
    """


def _pointer(path: str) -> str:
    """The JSON pointer of a dotted path: a part that is a number is a place in a list, from 0, or a key."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path.split("."))


def _keys(gate: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """batch_id -> the keys of its records' outermost objects, sorted: in JSON their order means nothing."""
    rows = gate.execute(
        """
        select batch_id, list_sort(list_distinct(flatten(list(keys))))
        from (select distinct batch_id, json_keys(_record) as keys from landing where _unparsed is null)
        group by batch_id
        """
    ).fetchall()
    return dict(rows)


def _without_objects(gate: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """batch_id -> what its lines are instead, of batches in which no line is a JSON object."""
    rows = gate.execute(
        """
        select batch_id, count(*), arg_min(if(json_valid(_record), lower(json_type(_record)), null), row_number)
        from landing
        group by batch_id
        having count(*) filter (_unparsed is null) = 0
        """
    ).fetchall()
    return {
        batch_id: f"none of its {lines:,} lines is a JSON object"
        + (f"; the first that is JSON is one {kind}" if kind else ", and none is JSON")
        for batch_id, lines, kind in rows
    }


def _absent_paths(gate: duckdb.DuckDBPyConnection, source: Source) -> dict[str, list[str]]:
    """batch_id -> the mapped paths that none of its records has; batches without a record owe none.

    A path that leads through an explicit null or into a list is there: nobody knows what would be below it.
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
                *(
                    f"coalesce(types[{asked.index(parent) + 1}] in ('NULL', 'ARRAY'), false)"
                    for parent in parents[column]
                ),
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
        [[_pointer(column) for column in asked]],
    ).fetchall()
    absent = {
        batch_id: [column for column, is_there in zip(columns, there, strict=True) if not is_there]
        for batch_id, *there in rows
    }
    return {batch_id: paths for batch_id, paths in absent.items() if paths}
