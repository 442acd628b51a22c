"""Delimited text as a stream of records, each split into its fields.

A piece of text in which every line splits at its delimiters and nowhere else is split by Arrow's own reader, several
times faster than line by line. What needs a closer look (quotes, blank lines, too few or too many fields) goes on as
whole lines, which `csv_landing.py` splits.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from pipelines.sources.compression import UnreadableFileError
from pipelines.sources.text_lines import UNDECODABLE, Unreadable, split_lines, whole_lines_in_utf8

_PIECES_AHEAD = 2
_UNDECODABLE = UNDECODABLE.encode()
_LINE_END = ord("\n")


def field_names(count: int) -> list[str]:
    """The names of the fields of a stream of records."""
    return [f"field_{position}" for position in range(1, count + 1)]


def read_records(
    files: Iterable[tuple[str, Path]],
    codec: str,
    delimiter: str,
    count: int,
    header_lines: int,
    unreadable: Unreadable,
    undecodable: set[str],
) -> pa.RecordBatchReader:
    """Every line of every file after its header as (batch_id, row_number, line, field_1 ... field_count).

    Either `line` is null and the fields are texts, or the line is whole and the fields are null. Where a file cannot be
    read to its end, the error goes into `unreadable` under its batch_id, and the next file follows. The batch_id of a
    file in which something could not be decoded goes into `undecodable`.
    """
    schema = pa.schema(
        [
            ("batch_id", pa.string()),
            ("row_number", pa.int64()),
            ("line", pa.string()),
            *((name, pa.string()) for name in field_names(count)),
        ]
    )

    def pieces() -> Iterator[tuple[str, int, bytes]]:
        for batch_id, path in files:
            try:
                for first, lines in _pieces(path, codec, header_lines):
                    if _UNDECODABLE in lines:
                        undecodable.add(batch_id)
                    yield batch_id, first, lines
            except UnreadableFileError as error:
                unreadable[batch_id] = error

    def batches() -> Iterator[pa.RecordBatch]:
        # While one piece is split and used, the next is read and decoded.
        with ThreadPoolExecutor(max_workers=1) as executor:
            waiting: deque[Future[list[pa.RecordBatch]]] = deque()
            for piece in pieces():
                waiting.append(executor.submit(_split, *piece, delimiter, schema))
                if len(waiting) == _PIECES_AHEAD:
                    yield from waiting.popleft().result()
            for future in waiting:
                yield from future.result()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _pieces(path: Path, codec: str, header_lines: int) -> Iterator[tuple[int, bytes]]:
    """The file after its header in pieces: the number of the first line, and whole lines in UTF-8."""
    first = 1
    for lines in whole_lines_in_utf8(path, codec):
        count = lines.count(b"\n") + 1
        skipped = min(max(header_lines + 1 - first, 0), count)
        rest = lines
        if skipped:
            rest = lines.split(b"\n", skipped)[skipped] if skipped < count else b""
        if rest or not skipped:
            yield first + skipped, rest
        first += count


def _split(batch_id: str, first: int, lines: bytes, delimiter: str, schema: pa.Schema) -> list[pa.RecordBatch]:
    """The records of one piece: those that Arrow split, and the lines that it did not."""
    is_line_end = np.frombuffer(lines, np.uint8) == _LINE_END
    numbers = np.arange(first, first + np.count_nonzero(is_line_end) + 1)
    # Arrow makes a record of empty fields of a blank line.
    has_blanks = not lines or is_line_end[0] or is_line_end[-1] or (is_line_end[1:] & is_line_end[:-1]).any()
    odd: list[tuple[int, str]] = []
    table = None if has_blanks else _plainly_split(lines, delimiter, schema.names[3:], odd)
    if table is None or table.num_rows + len(odd) != len(numbers):
        return [_whole(batch_id, pa.array(numbers), split_lines(lines.decode()), schema)]
    batches = []
    if odd:
        places = np.array([place for place, _ in odd]) - 1
        odd_lines = pa.array([line for _, line in odd], pa.string())
        batches.append(_whole(batch_id, pa.array(numbers[places]), odd_lines, schema))
        numbers = np.delete(numbers, places)
    for batch in table.combine_chunks().to_batches():
        columns = [_repeated(batch_id, batch.num_rows), pa.array(numbers), pa.nulls(batch.num_rows, pa.string())]
        batches.append(pa.RecordBatch.from_arrays([*columns, *batch.columns], schema=schema))
    return batches


def _plainly_split(lines: bytes, delimiter: str, names: list[str], odd: list[tuple[int, str]]) -> pa.Table | None:
    """The lines that have as many fields as `names`; the others go into `odd`, as (place from 1, line).

    None where lines cannot be told from records so simply.
    """
    if b'"' in lines or b"\r" in lines or not delimiter.isascii() or len(names) == 1:
        return None

    def keep(row: pa.csv.InvalidRow) -> str:
        odd.append((row.number, row.text))
        return "skip"

    try:
        return pa.csv.read_csv(
            pa.py_buffer(lines),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=names),
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
