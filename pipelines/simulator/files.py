"""Puts the pieces of all blocks together to a feed's native files, a file per delivery day, and counts them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.simulator.calendar import Period
from pipelines.simulator.layouts import Layout
from pipelines.simulator.pieces import Piece
from pipelines.simulator.rendering import csv_header


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


def write_feed(out: Path, layout: Layout, pieces: list[Piece], period: Period) -> Written:
    """Daily feeds get a file for every day, others where there are rows; block after block. Removes the pieces."""
    rows = np.array([piece.rows for piece in pieces])
    delivered = np.arange(period.days) if layout.is_daily else np.flatnonzero(rows.sum(axis=0))
    prefix = layout.path.split("{")[0]
    names = {day: prefix + _stamp(period.start + day, layout) for day in delivered.tolist()}
    (out / layout.path).parent.mkdir(parents=True, exist_ok=True)
    write_all = _write_typed_days if layout.form == "parquet" else _write_text_days
    write_all(out, layout, names, pieces)
    for piece in pieces:
        piece.file.unlink()
    first_line = 2 if layout.form == "csv" else 1
    before = np.cumsum(rows, axis=0) - rows
    return Written(
        feed=layout.name,
        files=len(names),
        rows=int(rows.sum()),
        clean_rows=sum(piece.clean_rows for piece in pieces),
        duplicate_rows=sum(piece.duplicate_rows for piece in pieces),
        clean_amount=_sum_of([piece.clean_amount for piece in pieces]),
        dirty_file=[names[day] for piece in pieces for day in piece.dirty_day.tolist()],
        dirty_line=np.concatenate(
            [
                piece.dirty_place + earlier[piece.dirty_day] + first_line
                for piece, earlier in zip(pieces, before, strict=True)
            ]
        ),
        dirty_kind=[kind for piece in pieces for kind in piece.dirty_kind],
    )


def _write_text_days(out: Path, layout: Layout, names: dict[int, str], pieces: list[Piece]) -> None:
    header = csv_header(layout).encode(layout.codec) if layout.form == "csv" else b""
    with ExitStack() as opened:
        # Each is read once from begin to end: the days follow one another.
        readers = [opened.enter_context(piece.file.open("rb")) for piece in pieces]
        for day, name in names.items():
            with (out / name).open("wb") as file:
                file.write(header)
                for reader, piece in zip(readers, pieces, strict=True):
                    file.write(reader.read(piece.sizes[day]))


def _write_typed_days(out: Path, layout: Layout, names: dict[int, str], pieces: list[Piece]) -> None:
    with ExitStack() as opened:
        readers = [
            opened.enter_context(pa.ipc.open_stream(opened.enter_context(pa.OSFile(str(piece.file)))))
            for piece in pieces
        ]
        for day, name in names.items():
            batches = [
                reader.read_next_batch() for reader, piece in zip(readers, pieces, strict=True) if piece.rows[day]
            ]
            pq.write_table(pa.Table.from_batches(batches, readers[0].schema), out / name)


def _sum_of(amounts: list[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _stamp(day: np.datetime64, layout: Layout) -> str:
    """The rest of a file's name, from the pattern in braces on."""
    pattern, rest = layout.path.split("{date:")[1].split("}")
    return day.astype(date).strftime(pattern) + rest
