"""Lands delimited text: one record is one physical line, and the header says which column is where."""

import csv
import re

import duckdb

from pipelines.connections import identifier, literal
from pipelines.sources.compression import UnreadableFileError, opened
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import (
    UNMAPPABLE,
    Faults,
    Landed,
    column_names,
    header_fault,
    landed_name,
    missing_columns,
)
from pipelines.sources.split_records import field_names, read_records
from pipelines.sources.text_landing import land_lines, without_unreadable
from pipelines.sources.text_lines import Unreadable, first_line


def land_csv(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from delimited files; files may differ in their headers, or have none and the stated fields."""
    unreadable: Unreadable = {}
    faults: Faults = {}
    undecodable: set[str] = set()
    alike: dict[tuple[str, ...], list[Delivery]] = {}
    for delivery in deliveries:
        header = _header_of(source, delivery, unreadable)
        if delivery.batch_id in unreadable:
            continue
        if reason := header_fault(source, delivery, header, _better_codec(source, delivery, header)):
            faults[delivery.batch_id] = reason
        else:
            alike.setdefault(tuple(header), []).append(delivery)
    selects = []
    for number, (names, some) in enumerate(alike.items()):
        files = [(delivery.batch_id, delivery.path) for delivery in some]
        header_lines = 0 if source.fields else 1
        stream = read_records(
            files, source.text_codec, source.delimiter, len(names), header_lines, unreadable, undecodable
        )
        gate.register(f"records_{number}", stream)
        selects.append(_split_csv(source, names, f"records_{number}"))
    unmappable = [delivery for delivery in deliveries if delivery.batch_id in faults]
    if unmappable or not selects:
        land_lines(gate, source, unmappable)
        selects.append(_unparsed_lines(source, UNMAPPABLE))
    gate.execute("create table landing as " + " union all by name ".join(selects))
    gate.execute("drop table if exists lines")
    for number in range(len(alike)):
        gate.unregister(f"records_{number}")
    faults |= without_unreadable(gate, "landing", deliveries, unreadable)
    columns = {delivery.batch_id: column_names(names) for names, some in alike.items() for delivery in some}
    return Landed(
        faults,
        {batch_id: told for batch_id, told in columns.items() if batch_id not in faults},
        may_be_undecodable=bool(undecodable or unmappable),
    )


def _header_of(source: Source, delivery: Delivery, unreadable: Unreadable) -> list[str]:
    if source.fields:
        return list(source.fields)
    try:
        line = first_line(delivery.path, source.text_codec)
    except UnreadableFileError as error:
        unreadable[delivery.batch_id] = error
        return []
    return [] if line is None else _header(line, source.delimiter)


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # no header is as long as the reader's limit: some other file
        return line.split(delimiter)


def _better_codec(source: Source, delivery: Delivery, header: list[str]) -> tuple[str, str] | None:
    """Cause and remedy where another codec shows the columns that are missing under the source's own."""
    missing = missing_columns(source, header)
    if not missing:
        return None
    try:
        with opened(delivery.path) as file:
            head = file.readline()
    except UnreadableFileError:
        return None
    for codec in ("utf-8", "cp949", "utf-16", "cp1252"):
        found = _header(head.decode(codec, errors="replace").strip("\ufeff\r\n"), source.delimiter)
        if codec != source.text_codec and all(name in found for name in missing):
            return (
                f". It was read as {source.text_codec} but looks like {codec}",
                f"set codec: {codec} for this source in the sources file, and run again",
            )
    return None


def _split_csv(source: Source, header: tuple[str, ...], records: str) -> str:
    """Records into columns. A record is one physical line, so that a stray quote spoils its own line and no other."""
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
        f"coalesce({field_name}, fields[{position}]) as {identifier(landed_name(name))}"
        for position, (name, field_name) in enumerate(zip(header, field_names(count), strict=True), 1)
        if name  # a header that ends with a delimiter has a column without a name
    )
    return f"""
        (with split as (
            select *, contains(line, '"') as has_quotes,
                case when has_quotes then {quoted} else string_split(line, {literal(delimiter)}) end as fields
            from {records}
            where line is null or trim(line) <> ''
        ), judged as (
            select *,
                case
                    when has_quotes and length(array_to_string(fields, '')) + len(fields) <> length(line) + 1
                        then 'a quote is not closed, or stands inside a quoted field'
                    when len(fields) < {count} then 'too few columns: ' || len(fields) || ' of {count}'
                    when len(fields) > {count} then 'too many columns: ' || len(fields) || ' of {count}'
                end as unparsed,
            from split
        ), parsed as (
            select * replace (
                case when unparsed is null then case when has_quotes then {unquoted} else fields end end as fields
            )
            from judged
        )
        select batch_id, row_number, unparsed as _unparsed, case when unparsed is not null then line end as _record,
            {columns}
        from parsed)
    """


def _unparsed_lines(source: Source, reason: str) -> str:
    first = 1 if source.fields else 2
    return (
        f"(select batch_id, row_number, {literal(reason)} as _unparsed, line as _record from lines "
        f"where row_number >= {first} and trim(line) <> '')"
    )
