"""Reads one sheet of an Excel workbook into an Arrow stream: `python -m pipelines.sources.excel_sheet FILE SHEET ROW`.

A program of its own, because the reader ends its whole process over a workbook that asks for too much memory, as one
with a stray cell in the last row and column does. What the sheet means is the business of `excel_landing.py`.
"""

import json
import resource
import sys
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorksheetNotFound

from pipelines.sources.compression import UnreadableFileError

UNREADABLE = 3
"""The exit code where the two lines of standard error are cause and remedy."""

_MEMORY_BYTES = 4 << 30
_PROCESSOR_SECONDS = 600
_EXACT_INTEGERS = float(1 << 53)

Cell = str | float | bool | date | time | timedelta


def read_sheet(path: str, sheet: str, header_row: int) -> pa.Table:
    """The rows below `header_row` that are not empty: row_number, then a column per column of the sheet.

    A column has the one type of its cells (whole numbers are integers), else it is text. The schema's metadata has
    `header`, the cells of that row as a JSON list of text. Raises UnreadableFileError.
    """
    try:
        workbook = CalamineWorkbook.from_path(path)
        cells = workbook.get_sheet_by_name(_name(workbook, sheet)).to_python(skip_empty_area=False)
    except WorksheetNotFound as error:
        raise UnreadableFileError(
            f"the workbook has no sheet {sheet}", "name one that it has as sheet in the sources file"
        ) from error
    except PasswordError as error:
        raise UnreadableFileError("the workbook is encrypted", "deliver it without a password") from error
    except CalamineError as error:
        raise UnreadableFileError(
            f"not readable as an Excel workbook: {str(error).splitlines()[0]}",
            "deliver it again, or set the right format in the sources file",
        ) from error
    header = [_text(cell) or "" for cell in cells[header_row - 1]] if len(cells) >= header_row else []
    # A sheet has at most 1,048,576 rows, and its cells are Python objects anyhow.
    rows = {number: row for number, row in enumerate(cells[header_row:], header_row + 1) if any(map(_is_filled, row))}
    columns = [_column(column) for column in zip(*rows.values(), strict=True)] or [pa.nulls(0, pa.string())] * len(
        header
    )
    # Cells beside the header would otherwise be lost without a word.
    header = [
        name or ("" if column.null_count == len(column) else f"column {position}")
        for position, (name, column) in enumerate(zip(header, columns, strict=True), 1)
    ]
    table = pa.table([pa.array(rows, pa.int64()), *columns], ["row_number", *map(str, range(len(header)))])
    return table.replace_schema_metadata({"header": json.dumps(header)})


def _name(workbook: CalamineWorkbook, sheet: str) -> str:
    """The sheet as the workbook writes it; the first where none is named."""
    if not sheet:
        return workbook.sheet_names[0] if workbook.sheet_names else ""
    return next((name for name in workbook.sheet_names if unicodedata.normalize("NFC", name) == sheet), sheet)


def _is_filled(cell: Cell) -> bool:
    return cell != ""


def _column(cells: Sequence[Any]) -> pa.Array:
    types = {type(cell) for cell in cells if _is_filled(cell)}
    if types and types <= {int, float}:
        return _numbers(cells)
    if types in ({bool}, {date}, {datetime}):
        return pa.array([cell if _is_filled(cell) else None for cell in cells])
    if types == {date, datetime}:  # midnight comes as a date
        midnight = time()
        moments = [
            cell if isinstance(cell, datetime) else datetime.combine(cell, midnight) if cell else None for cell in cells
        ]
        return pa.array(moments, pa.timestamp("us"))
    return pa.array(map(_text, cells), pa.string(), size=len(cells))


def _numbers(cells: Sequence[Any]) -> pa.Array:
    numbers = pa.array([cell if _is_filled(cell) else None for cell in cells], pa.float64())
    is_whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), _EXACT_INTEGERS))
    return numbers.cast(pa.int64()) if pc.all(is_whole).as_py() else numbers


def _text(cell: Cell) -> str | None:
    """A cell as text, as ISO 8601 where it is a date or time; None where it is empty."""
    if isinstance(cell, str):
        return unicodedata.normalize("NFC", cell).strip() or None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT_INTEGERS:
        return str(int(cell))
    return cell.isoformat(" ") if isinstance(cell, datetime) else str(cell)


def main() -> None:
    """Write the sheet to standard output, or cause and remedy to standard error and end with UNREADABLE."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    path, sheet, header_row = sys.argv[1:]
    try:
        table = read_sheet(path, sheet, int(header_row))
    except UnreadableFileError as error:
        print(error.cause, error.remedy, sep="\n", file=sys.stderr)
        sys.exit(UNREADABLE)
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


if __name__ == "__main__":
    main()
