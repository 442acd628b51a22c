"""Writes a feed's native files, a file per delivery day, and tells which lines of them are dirty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.simulator import layouts
from pipelines.simulator.calendar import Period
from pipelines.simulator.dirt import BAD_BYTE, BAD_BYTE_MARK, Dirt, draw_dirt, spoil_columns
from pipelines.simulator.layouts import Layout
from pipelines.simulator.rendering import (
    Values,
    csv_header,
    csv_lines,
    json_lines,
    native_columns,
    number_columns,
    translate,
)
from pipelines.simulator.text import MISSING

PARQUET_TYPES = {"cost_amount": pa.decimal128(18, 2)}


@dataclass(frozen=True)
class Written:
    """What was written of a feed. Dirty lines by file, line number (the header is line 1) and kind."""

    feed: str
    files: int
    rows: int
    clean_rows: int
    duplicate_rows: int
    clean_amount: int | None
    dirty_file: list[str]
    dirty_line: np.ndarray
    dirty_kind: list[str]


def write_feed(
    out: Path,
    layout: Layout,
    table: dict[str, Values],
    day: np.ndarray,
    period: Period,
    generator: np.random.Generator,
) -> Written:
    """Writes a table sorted by delivery day; daily feeds get a file for every day, others where there are rows."""
    delivered = period.all_days() if layout.is_daily else np.unique(day)
    names = [layout.path.split("{")[0] + _stamp(one, layout) for one in delivered]
    (out / layout.path).parent.mkdir(parents=True, exist_ok=True)
    if layout.form == "parquet":
        _write_parquet(out, names, delivered, layout, table, day)
        return Written(layout.feed, len(names), len(day), len(day), 0, None, [], np.array([], dtype=np.int64), [])
    dirt = draw_dirt(day, layout, generator)
    lines = _lines(table, layout, dirt)
    copies = np.ones(len(day), dtype=np.int64)
    copies[dirt.of(layouts.DUPLICATE)] = 2
    lines = lines.take(pa.array(np.arange(len(day)).repeat(copies)))
    line_day = day.repeat(copies)
    begins = np.searchsorted(line_day, delivered, side="left")
    ends = np.searchsorted(line_day, delivered, side="right")
    header = csv_header(layout).encode(layout.codec) if layout.form == "csv" else b""
    text, offsets = _buffer(lines)
    for name, first, last in zip(names, begins, ends, strict=True):
        body = bytes(text[offsets[first] : offsets[last]])
        if layout.codec != "utf-8":
            body = body.decode("utf-8").encode(layout.codec)
        (out / name).write_bytes(header + body.replace(BAD_BYTE_MARK.encode(), BAD_BYTE))
    return _account(layout, table, day, dirt, copies, names, delivered, begins)


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


def _account(
    layout: Layout,
    table: dict[str, Values],
    day: np.ndarray,
    dirt: Dirt,
    copies: np.ndarray,
    names: list[str],
    delivered: np.ndarray,
    begins: np.ndarray,
) -> Written:
    is_copy = dirt.kind == dirt.kinds.index(layouts.DUPLICATE) if dirt.kinds else np.array([], dtype=bool)
    # The copy stands right after its original, which is clean.
    line = (np.cumsum(copies) - copies)[dirt.place] + is_copy
    file = np.searchsorted(delivered, day[dirt.place])
    first_line = 2 if layout.form == "csv" else 1
    clean = np.ones(len(day), dtype=bool)
    clean[dirt.place[~is_copy]] = False
    amount = table.get("amount")
    return Written(
        feed=layout.feed,
        files=len(names),
        rows=int(copies.sum()),
        clean_rows=int(clean.sum()),
        duplicate_rows=int(is_copy.sum()),
        clean_amount=int(np.asarray(amount)[clean].sum()) if amount is not None else None,
        dirty_file=[names[one] for one in file],
        dirty_line=line - begins[file] + first_line,
        dirty_kind=[dirt.kinds[one] for one in dirt.kind],
    )


def _write_parquet(
    out: Path,
    names: list[str],
    delivered: np.ndarray,
    layout: Layout,
    table: dict[str, Values],
    day: np.ndarray,
) -> None:
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
    whole_table = pa.table(columns)
    begins, ends = np.searchsorted(day, delivered, side="left"), np.searchsorted(day, delivered, side="right")
    for name, first, last in zip(names, begins, ends, strict=True):
        pq.write_table(whole_table.slice(first, last - first), out / name)


def _stamp(day: np.datetime64, layout: Layout) -> str:
    """The rest of a file's name, from the pattern in braces on."""
    pattern, rest = layout.path.split("{date:")[1].split("}")
    return day.astype(date).strftime(pattern) + rest
