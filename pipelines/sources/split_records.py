"""Delimited text as a stream of records, each split into its fields.

A piece of text in which every line splits at its delimiters and nowhere else is split by Arrow's own reader, several
times faster than line by line. What needs a closer look (quotes, blank lines, too few or too many fields) goes on as
whole lines, which `csv_landing.py` splits.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from pipelines.sources.compression import UnreadableFileError
from pipelines.sources.text_lines import Unreadable, split_lines, whole_lines


def field_names(count: int) -> list[str]:
    """The names of the fields of a stream of records."""
    return [f"field_{position}" for position in range(1, count + 1)]


def read_records(
    files: Iterable[tuple[str, Path]], codec: str, delimiter: str, count: int, header_lines: int, unreadable: Unreadable
) -> pa.RecordBatchReader:
    """Every line of every file after its header as (batch_id, row_number, line, field_1 ... field_count).

    Either `line` is null and the fields are texts, or the line is whole and the fields are null. Where a file cannot be
    read to its end, the error goes into `unreadable` under its batch_id, and the next file follows.
    """
    schema = pa.schema(
        [
            ("batch_id", pa.string()),
            ("row_number", pa.int64()),
            ("line", pa.string()),
            *((name, pa.string()) for name in field_names(count)),
        ]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for batch_id, path in files:
            try:
                for first, text in _pieces(path, codec, header_lines):
                    yield from _split(batch_id, first, text, delimiter, schema)
            except UnreadableFileError as error:
                unreadable[batch_id] = error

    return pa.RecordBatchReader.from_batches(schema, batches())


def _pieces(path: Path, codec: str, header_lines: int) -> Iterator[tuple[int, str]]:
    """The file after its header in pieces of whole lines, each with the number of its first line."""
    first = 1
    for piece in whole_lines(path, codec):
        text, skipped = piece, max(header_lines + 1 - first, 0)
        if skipped:
            text = text.split("\n", skipped)[-1] if text.count("\n") >= skipped else ""
            skipped = min(skipped, piece.count("\n") + 1)
        if text or not skipped:
            yield first + skipped, text
        first += piece.count("\n") + 1


def _split(batch_id: str, first: int, text: str, delimiter: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The records of one piece: those that Arrow split, then the lines that it did not."""
    numbers = np.arange(first, first + text.count("\n") + 1)
    odd: list[tuple[int, str]] = []
    table = _plainly_split(text, delimiter, schema.names[3:], odd)
    if table is None or table.num_rows + len(odd) != len(numbers):
        yield _whole(batch_id, pa.array(numbers), split_lines(text), schema)
        return
    if odd:
        places = np.array([place for place, _ in odd]) - 1
        yield _whole(batch_id, pa.array(numbers[places]), pa.array([line for _, line in odd], pa.string()), schema)
        numbers = np.delete(numbers, places)
    for batch in table.combine_chunks().to_batches():
        rows = batch.num_rows
        nothing = pa.nulls(rows, pa.string())
        columns = [_repeated(batch_id, rows), pa.array(numbers), nothing, *batch.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _plainly_split(text: str, delimiter: str, names: list[str], odd: list[tuple[int, str]]) -> pa.Table | None:
    """The lines of `text` that have as many fields as `names`; the others go into `odd`, as (place from 1, line).

    None where lines cannot be told from records so simply.
    """
    has_blanks = text.startswith("\n") or text.endswith("\n") or "\n\n" in text
    if has_blanks or not text or '"' in text or "\r" in text or len(names) == 1:
        return None

    def keep(row: pa.csv.InvalidRow) -> str:
        odd.append((row.number, row.text))
        return "skip"

    data = text.encode()
    try:
        return pa.csv.read_csv(
            pa.py_buffer(data),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False,
                double_quote=False,
                ignore_empty_lines=False,
                invalid_row_handler=keep,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except pa.ArrowInvalid:
        return None


def _whole(batch_id: str, numbers: pa.Array, lines: pa.Array, schema: pa.Schema) -> pa.RecordBatch:
    nothing = [pa.nulls(len(lines), pa.string())] * (len(schema) - 3)
    return pa.RecordBatch.from_arrays([_repeated(batch_id, len(lines)), numbers, lines, *nothing], schema=schema)


def _repeated(batch_id: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(batch_id, pa.string()), rows)
