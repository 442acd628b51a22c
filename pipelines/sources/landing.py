"""Lands deliveries as they are: every record a row of the table `landing`, text as text, typed sources in their types.

Landing has batch_id, row_number (the line in a text file, the ordinal in a Parquet file), `_unparsed` (why a record
could not be split into columns, else null), `_record` (such a record's text; in JSON Lines every record's) and the
source's own columns, under other names where they clash with these four. Nothing is dropped.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.connections import identifier, insert_rows, literal
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.text_lines import read_lines

_UNMAPPABLE = "the delivery's columns are not the contract's"
_OWN_COLUMNS = ("batch_id", "row_number", "_unparsed", "_record")

_SHOWN_CHARACTERS = 300

Faults = dict[str, str]
"""batch_id -> why the whole batch cannot be read."""


def parquet_schema(path: Path) -> str:
    """The names and types of a Parquet file's columns: files that differ in them are not landed together.

    Otherwise a number that one file holds as text would make text of it in all of them. Empty where the file is none.
    """
    try:
        return str(pq.read_schema(path).remove_metadata())
    except (OSError, pa.ArrowException):
        return ""


def land(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create the table `landing` in `gate` from `deliveries`, all of one source and, in Parquet, of one schema.

    Returns the batches whose records cannot be mapped; their rows are landed too, as unparsed records.
    """
    gate.execute("drop table if exists landing")
    return _LANDERS[source.format](gate, source, deliveries)


def source_expression(source: Source, column: str) -> str:
    """The SQL that reads a column of the source from a row of landing."""
    if source.format == "json_lines":
        path = literal(_json_path(column))
        return f"case when landing._unparsed is null then json_extract_string(landing._record, {path}) end"
    return f"landing.{identifier(landed_name(column))}"


def landed_name(column: str) -> str:
    """The name in landing of a column of the source."""
    return f"{column} of the source" if column.lower() in _OWN_COLUMNS else column


def _land_csv(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    faults = _read_text(gate, source, deliveries)
    headers: dict[str, list[str]] = {delivery.batch_id: [] for delivery in deliveries}
    by_header: dict[tuple[str, ...], list[str]] = {}
    for batch_id, line in gate.execute("select batch_id, line from lines where row_number = 1").fetchall():
        headers[batch_id] = _header(line, source.delimiter)
    for delivery in deliveries:
        if delivery.batch_id in faults:
            continue
        header = headers[delivery.batch_id]
        if fault := _header_fault(source, delivery, header):
            faults[delivery.batch_id] = fault
        else:
            by_header.setdefault(tuple(header), []).append(delivery.batch_id)
    selects = [_split_csv(source, header, batches) for header, batches in by_header.items()]
    if faults:
        selects.append(_unparsed_lines(list(faults), _UNMAPPABLE))
    gate.execute("create table landing as " + " union all by name ".join(selects))
    gate.execute("drop table lines")
    return faults


def _land_json_lines(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    faults = _read_text(gate, source, deliveries)
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
            faults[delivery.batch_id] = _fault(
                delivery,
                f"of {len(source.source_columns)} mapped paths, {', '.join(paths)} are in no record",
                "map the new paths in the sources file and run again, or deliver the file with the agreed paths",
            )
    if absent:
        gate.execute(
            "update landing set _unparsed = coalesce(_unparsed, ?) where list_contains(?::varchar[], batch_id)",
            [_UNMAPPABLE, list(absent)],
        )
    return faults


def _json_path(column: str) -> str:
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
        [[_json_path(column) for column in asked]],
    ).fetchall()
    absent = {
        batch_id: [column for column, is_there in zip(columns, there, strict=True) if not is_there]
        for batch_id, *there in rows
    }
    return {batch_id: paths for batch_id, paths in absent.items() if paths}


def _land_parquet(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    faults: Faults = {}
    readable: list[Delivery] = []
    names: set[str] = set()
    for delivery in deliveries:
        try:
            columns = gate.execute("select * from read_parquet(?) limit 0", [str(delivery.path)]).description
        except duckdb.Error as error:
            faults[delivery.batch_id] = _no_parquet(delivery, error)
            continue
        header = [column[0] for column in columns or []]
        if fault := _header_fault(source, delivery, header):
            faults[delivery.batch_id] = fault
        names.update(header)
        readable.append(delivery)
    try:
        _read_parquet(gate, readable, names, list(faults))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        # One of them is damaged below its head.
        damaged = {delivery.batch_id: fault for delivery in readable if (fault := _damage(gate, delivery))}
        if not damaged:
            raise
        faults |= damaged
        readable = [delivery for delivery in readable if delivery.batch_id not in damaged]
        _read_parquet(gate, readable, names, list(faults))
    return faults


def _no_parquet(delivery: Delivery, error: duckdb.Error) -> str:
    return _fault(
        delivery,
        f"not readable as Parquet: {str(error).splitlines()[0]}",
        "deliver it again, or set the right format in the sources file",
    )


def _damage(gate: duckdb.DuckDBPyConnection, delivery: Delivery) -> str | None:
    """Why the file's rows cannot be read, None where all of them can."""
    try:
        gate.execute("select bit_xor(hash(records)) from read_parquet(?) as records", [str(delivery.path)])
    except duckdb.Error as error:
        return _no_parquet(delivery, error)
    return None


def _read_parquet(
    gate: duckdb.DuckDBPyConnection, deliveries: list[Delivery], names: set[str], unmappable: list[str]
) -> None:
    """Create `landing` from files whose columns, in any order, are `names`."""
    if not deliveries:
        gate.execute("create table landing (batch_id varchar, row_number bigint, _unparsed varchar, _record varchar)")
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
            "reason": _UNMAPPABLE,
            "paths": [str(delivery.path) for delivery in deliveries],
        },
    )


_LANDERS: dict[str, Callable[[duckdb.DuckDBPyConnection, Source, list[Delivery]], Faults]] = {
    "csv": _land_csv,
    "json_lines": _land_json_lines,
    "parquet": _land_parquet,
}


def _read_text(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    unreadable: dict[str, OSError] = {}
    files = [(delivery.batch_id, delivery.path) for delivery in deliveries]
    gate.register("line_stream", read_lines(files, source.text_codec, unreadable))
    gate.execute("create or replace table lines as from line_stream")
    gate.unregister("line_stream")
    # What was read of a file before it failed is no part of a delivery that can be judged.
    gate.execute("delete from lines where list_contains(?::varchar[], batch_id)", [list(unreadable)])
    return {
        delivery.batch_id: _fault(
            delivery,
            f"{delivery.path} cannot be read: {unreadable[delivery.batch_id].strerror}",
            "let crmdw read the file, and deliver it again",
        )
        for delivery in deliveries
        if delivery.batch_id in unreadable
    }


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # no header is as long as the reader's limit: some other file
        return line.split(delimiter)


def _split_csv(source: Source, header: tuple[str, ...], batches: list[str]) -> str:
    """Lines into fields. A record is one physical line, so that a stray quote spoils its own line and no other."""
    delimiter, count = source.delimiter, len(header)
    one = re.escape(delimiter)
    # The line is led by a delimiter, so that each match takes at least one character and an empty field counts.
    field = f'{one}("(?:[^"]|"")*"|[^"{one}][^{one}]*|)'
    quoted = f"regexp_extract_all({literal(delimiter)} || line, {literal(field)}, 1)"
    unquoted = (
        "list_transform(fields, lambda field: case when starts_with(field, '\"') "
        "then replace(field[2:-2], '\"\"', '\"') else field end)"
    )
    columns = ", ".join(
        f"case when unparsed is null then fields[{position}] end as {identifier(landed_name(name))}"
        for position, name in enumerate(header, 1)
        if name  # a header that ends with a delimiter has a column without a name
    )
    chosen = ", ".join(literal(batch_id) for batch_id in batches)
    return f"""
        (with split as (
            select batch_id, row_number, line, contains(line, '"') as has_quotes,
                case when has_quotes then {quoted} else string_split(line, {literal(delimiter)}) end as fields
            from lines
            where row_number > 1 and trim(line) <> '' and batch_id in ({chosen})
        ), judged as (
            select batch_id, row_number, line,
                case
                    when has_quotes and length(array_to_string(fields, '')) + len(fields) <> length(line) + 1
                        then 'a quote is not closed, or stands inside a quoted field'
                    when len(fields) < {count} then 'too few columns: ' || len(fields) || ' of {count}'
                    when len(fields) > {count} then 'too many columns: ' || len(fields) || ' of {count}'
                end as unparsed,
                case when has_quotes then {unquoted} else fields end as fields
            from split
        )
        select batch_id, row_number, unparsed as _unparsed, case when unparsed is not null then line end as _record,
            {columns}
        from judged)
    """


def _unparsed_lines(batches: list[str], reason: str) -> str:
    chosen = ", ".join(literal(batch_id) for batch_id in batches)
    return (
        f"(select batch_id, row_number, {literal(reason)} as _unparsed, line as _record from lines "
        f"where row_number > 1 and trim(line) <> '' and batch_id in ({chosen}))"
    )


def _header_fault(source: Source, delivery: Delivery, header: list[str]) -> str | None:
    if not any(header):
        return _fault(delivery, "the file is empty; even a day without rows has its header line", "deliver it again")
    # Names are told apart by more than their case nowhere in SQL.
    folded = [name.casefold() for name in header if name]
    doubled = [name for name in source.source_columns if folded.count(name.casefold()) > 1]
    if len(set(folded)) < len(folded):
        which = ", ".join(doubled) or "a column that is not mapped"
        return _fault(delivery, f"row 1: the header names {which} twice", "deliver it with distinct names")
    missing = [name for name in source.source_columns if name not in header]
    if not missing:
        return None
    cause = f"row 1: the columns {', '.join(missing)} are missing"
    # Where the header line itself is missing, the first row is some person's and is not shown.
    if len(missing) < len(source.source_columns):
        cause += f"; the header is {', '.join(header)}"[:_SHOWN_CHARACTERS]
    if source.format == "csv" and (codec := _better_codec(source, delivery, missing)):
        return _fault(
            delivery,
            f"{cause}. It was read as {source.text_codec} but looks like {codec}",
            f"set codec: {codec} for this source in the sources file, and run again",
        )
    return _fault(
        delivery,
        cause,
        "map the new names in the sources file and run again, or deliver the file with the agreed header",
    )


def _better_codec(source: Source, delivery: Delivery, missing: list[str]) -> str | None:
    with delivery.path.open("rb") as file:
        head = file.readline()
    for codec in ("utf-8", "cp949", "utf-16", "cp1252"):
        header = _header(head.decode(codec, errors="replace").strip("\ufeff\r\n"), source.delimiter)
        if codec != source.text_codec and all(name in header for name in missing):
            return codec
    return None


def _fault(delivery: Delivery, cause: str, remedy: str) -> str:
    return f"{delivery.path.name}: {cause}. Remedy: {remedy}"
