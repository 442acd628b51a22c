"""What a block brings of a feed: its rows in native form and codec, day after day, in a file of its own.

files.py puts the blocks' pieces together to a file per delivery day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.simulator import layouts
from pipelines.simulator.calendar import Period
from pipelines.simulator.dirt import BAD_BYTE, BAD_BYTE_MARK, Dirt, draw_dirt, spoil_columns
from pipelines.simulator.layouts import Layout
from pipelines.simulator.rendering import Values, csv_lines, json_lines, native_columns, number_columns, translate
from pipelines.simulator.text import MISSING

PARQUET_TYPES = {"cost_amount": pa.decimal128(18, 2)}
# As text a row takes about 1 kB for a moment.
ROWS_AT_A_TIME = 100_000


@dataclass(frozen=True)
class Piece:
    """`rows` (duplicates included) and `sizes` (in bytes) by day of the period; dirty lines by day, place and kind.

    A typed feed's piece is an Arrow stream with a batch for each day that has rows, and has no sizes.
    """

    file: Path
    rows: np.ndarray
    sizes: np.ndarray
    clean_rows: int
    duplicate_rows: int
    clean_amount: int | None
    dirty_day: np.ndarray
    dirty_place: np.ndarray
    dirty_kind: list[str]


def write_piece(
    file: Path,
    layout: Layout,
    table: dict[str, Values],
    day: np.ndarray,
    period: Period,
    generator: np.random.Generator,
) -> Piece:
    """Writes a table sorted by delivery day to `file`; all days lie in the period."""
    # Where the rows of each day begin, and the last ones end.
    begins = np.searchsorted(day, np.arange(period.start, period.end + 2))
    dirt = Dirt.none() if layout.form == "parquet" else draw_dirt(day, layout, generator)
    copies = np.ones(len(day), dtype=np.int64)
    copies[dirt.of(layouts.DUPLICATE)] = 2
    lines = np.concatenate([[0], np.cumsum(copies)])
    if layout.form == "parquet":
        sizes = _write_typed(file, layout, table, begins)
    else:
        sizes = _write_text(file, layout, table, begins, dirt, copies)
    is_copy = dirt.is_of(layouts.DUPLICATE)
    clean = np.ones(len(day), dtype=bool)
    clean[dirt.place[~is_copy]] = False
    amount = table.get("amount")
    dirty_day = (day[dirt.place] - period.start).astype(np.int64)
    return Piece(
        file=file,
        rows=np.diff(lines[begins]),
        sizes=sizes,
        clean_rows=int(clean.sum()),
        duplicate_rows=int(is_copy.sum()),
        clean_amount=int(np.asarray(amount)[clean].sum()) if amount is not None else None,
        dirty_day=dirty_day,
        # The copy stands right after its original, which is clean.
        dirty_place=lines[dirt.place] + is_copy - lines[begins[dirty_day]],
        dirty_kind=[dirt.kinds[one] for one in dirt.kind],
    )


def _write_text(
    file: Path,
    layout: Layout,
    table: dict[str, Values],
    begins: np.ndarray,
    dirt: Dirt,
    copies: np.ndarray,
) -> np.ndarray:
    sizes = np.zeros(len(begins) - 1, dtype=np.int64)
    with file.open("wb") as out:
        for first_day, last_day in _runs_of_days(begins):
            first, last = begins[first_day], begins[last_day]
            lines = _lines(_sliced(table, first, last), layout, dirt.within(first, last))
            times = copies[first:last]
            lines = lines.take(pa.array(np.arange(last - first).repeat(times)))
            text, offsets = _buffer(lines)
            bounds = offsets[np.concatenate([[0], np.cumsum(times)])[begins[first_day : last_day + 1] - first]]
            for number, (begin, end) in enumerate(pairwise(bounds), first_day):
                sizes[number] = out.write(_encoded(text[begin:end], layout.codec))
    return sizes


def _write_typed(file: Path, layout: Layout, table: dict[str, Values], begins: np.ndarray) -> np.ndarray:
    columns = {}
    for one in layout.fields:
        values = table[one.drawn]
        if isinstance(values, pa.Array):
            columns[one.native] = translate(values, dict(one.codes)) if one.codes else values
        elif values.dtype.kind == "M":
            columns[one.native] = pa.array(values.astype("datetime64[us]"))
        else:
            whole = pa.array(values, mask=values == MISSING)
            # Cast in two steps: a 64-bit integer may have 19 digits, which decimal(18,2) alone cannot promise.
            columns[one.native] = whole.cast(pa.decimal128(21, 2)).cast(PARQUET_TYPES[one.column])
    rows = pa.record_batch(columns)
    with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, rows.schema) as stream:
        for day in np.flatnonzero(np.diff(begins)):
            stream.write_batch(rows.slice(begins[day], begins[day + 1] - begins[day]))
    return np.zeros(len(begins) - 1, dtype=np.int64)


def _runs_of_days(begins: np.ndarray) -> Iterator[tuple[int, int]]:
    """First day, and the day after the last, of runs of about ROWS_AT_A_TIME rows."""
    first = 0
    while first < len(begins) - 1:
        last = int(np.searchsorted(begins, begins[first] + ROWS_AT_A_TIME, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _sliced(table: dict[str, Values], first: int, last: int) -> dict[str, Values]:
    return {name: values[first:last] for name, values in table.items()}


def _lines(table: dict[str, Values], layout: Layout, dirt: Dirt) -> pa.Array:
    native = spoil_columns(native_columns(table, layout), dirt, layout)
    numbers = number_columns(table, layout)

    def render(columns: dict[str, pa.Array], kept: int | None = None) -> pa.Array:
        if layout.form == "csv":
            return csv_lines(columns, layout, kept)
        return json_lines(columns, numbers, kept)

    lines = render(native)
    cut = dirt.of(layouts.TRUNCATED)
    if len(cut):
        mask = np.zeros(len(lines), dtype=bool)
        mask[cut] = True
        short = render({name: cells.take(pa.array(cut)) for name, cells in native.items()}, len(native) // 2)
        lines = pa.compute.replace_with_mask(lines, pa.array(mask), short)
    return lines


def _buffer(lines: pa.Array) -> tuple[memoryview, np.ndarray]:
    """All lines as one run of UTF-8 bytes, and where each begins (and the last ends)."""
    if not len(lines):
        return memoryview(b""), np.zeros(1, dtype=np.int64)
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2]), offsets


def _encoded(text: memoryview, codec: str) -> bytes:
    body = bytes(text)
    if codec != "utf-8":
        body = body.decode("utf-8").encode(codec)
    return body.replace(BAD_BYTE_MARK.encode(), BAD_BYTE)
