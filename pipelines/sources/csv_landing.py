"""Lands delimited text: one record is one physical line, and the header tells which column is where."""

import csv
import re

import duckdb

from pipelines.connections import identifier, literal
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import UNMAPPABLE, Faults, header_fault, landed_name, missing_columns
from pipelines.sources.text_landing import land_lines


def land_csv(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create `landing` from delimited files; files may differ in their headers."""
    faults = land_lines(gate, source, deliveries)
    headers: dict[str, list[str]] = {delivery.batch_id: [] for delivery in deliveries}
    by_header: dict[tuple[str, ...], list[str]] = {}
    for batch_id, line in gate.execute("select batch_id, line from lines where row_number = 1").fetchall():
        headers[batch_id] = _header(line, source.delimiter)
    for delivery in deliveries:
        if delivery.batch_id in faults:
            continue
        header = headers[delivery.batch_id]
        if reason := header_fault(source, delivery, header, _better_codec(source, delivery, header)):
            faults[delivery.batch_id] = reason
        else:
            by_header.setdefault(tuple(header), []).append(delivery.batch_id)
    selects = [_split_csv(source, header, batches) for header, batches in by_header.items()]
    if faults:
        selects.append(_unparsed_lines(list(faults), UNMAPPABLE))
    gate.execute("create table landing as " + " union all by name ".join(selects))
    gate.execute("drop table lines")
    return faults


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
    with delivery.path.open("rb") as file:
        head = file.readline()
    for codec in ("utf-8", "cp949", "utf-16", "cp1252"):
        found = _header(head.decode(codec, errors="replace").strip("\ufeff\r\n"), source.delimiter)
        if codec != source.text_codec and all(name in found for name in missing):
            return (
                f". It was read as {source.text_codec} but looks like {codec}",
                f"set codec: {codec} for this source in the sources file, and run again",
            )
    return None


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
