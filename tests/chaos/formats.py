"""The formats that deliveries come in, each as data: a new one is one more line in FORMATS.

A table of text is rendered as a file of the format, and the records of any file are counted without the project's code.
"""

import gzip
import io
import json
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Row = list[str]

FIXED_WIDTH = 40
"""Bytes of every column of a fixed-width record; the values of the tests are shorter."""

NESTED_IN = "거래"
"""The object in which a JSON record has its values."""


@dataclass(frozen=True)
class Table:
    """Column names, and rows of text."""

    header: Row
    rows: list[Row]


@dataclass(frozen=True)
class Format:
    """One way to deliver a table.

    `render` gives the bytes of a table, `packed` what is delivered of them; `unpacked` is its inverse. `count` tells
    the records of unpacked bytes, None where they are not of this format. `is_text`: its records are lines;
    `names_columns`: a column is found by its name.
    """

    name: str
    ending: str
    terms: dict[str, Any]
    render: Callable[[Table], bytes]
    count: Callable[[bytes], int | None]
    is_text: bool = True
    names_columns: bool = True
    packed: Callable[[bytes], bytes] = bytes
    unpacked: Callable[[bytes], bytes] = bytes
    fields: Callable[[Sequence[str]], dict[str, Any]] = field(default=lambda header: {})
    column: Callable[[str], str] = field(default=str)

    def records(self, content: bytes) -> int | None:
        """How many records a delivered file has; None where nobody can tell, because it is damaged."""
        try:
            return self.count(self.unpacked(content))
        # A damaged archive fails in whatever way its bytes lead its reader into.
        except Exception:
            return None

    def entry(self, header: Sequence[str], columns: dict[str, Any]) -> dict[str, Any]:
        """The terms and the mapping of a source of this format."""
        named = {name: _with_column(mapping, self.column) for name, mapping in columns.items()}
        return {**self.terms, **self.fields(header), "columns": named}


def _with_column(mapping: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(mapping, str):
        return rename(mapping)
    return mapping | {"column": rename(mapping["column"])} if "column" in mapping else mapping


def _lines(content: bytes, codec: str) -> list[str]:
    return [line.decode(codec, errors="replace").removesuffix("\r") for line in content.split(b"\n")]


def _delimited(codec: str, delimiter: str = ",") -> Callable[[Table], bytes]:
    def render(table: Table) -> bytes:
        lines = [delimiter.join(row) for row in (table.header, *table.rows)]
        return "".join(line + "\r\n" for line in lines).encode(codec, errors="replace")

    return render


def _count_lines(codec: str, header_lines: int = 1) -> Callable[[bytes], int | None]:
    return lambda content: sum(line.strip(" \u3000\xa0") != "" for line in _lines(content, codec)[header_lines:])


def _render_fixed_width(table: Table) -> bytes:
    records = [
        b"".join(value.encode("cp949", errors="replace").ljust(FIXED_WIDTH) for value in row) for row in table.rows
    ]
    return b"".join(record + b"\n" for record in records)


def _render_json_lines(table: Table) -> bytes:
    end = table.header[-1]
    records = [
        {NESTED_IN: {n: v or None for n, v in zip(table.header, row, strict=False) if n != end}, end: row[-1]}
        for row in table.rows
    ]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("거래.csv"), content)
    return sink.getvalue()


def _unzip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def _typed(values: Sequence[str]) -> list[Any]:
    """Numbers where every value of the column is one or empty, else text."""
    if any(values) and all(re.fullmatch("-?[0-9]{1,9}|", value) for value in values):
        return [float(value) if value else None for value in values]
    return [value or None for value in values]


def _typed_columns(table: Table) -> list[tuple[str, list[Any]]]:
    columns = [[row[at] if at < len(row) else "" for row in table.rows] for at in range(len(table.header))]
    return [
        # A key of digits is text: as a number it would lose its zeros.
        (name, _typed(values) if name.endswith(("금액", "수량")) else [value or None for value in values])
        for name, values in zip(table.header, columns, strict=True)
    ]


def _render_parquet(table: Table) -> bytes:
    columns = _typed_columns(table)
    arrays = [
        pa.array(values, None if any(isinstance(v, float) for v in values) else pa.string()) for _, values in columns
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, [name for name, _ in columns]), sink, row_group_size=15)
    return bytes(sink.getvalue().to_pybytes())


def _count_parquet(content: bytes) -> int | None:
    return int(pq.ParquetFile(pa.BufferReader(content)).read().num_rows)


def _render_excel(table: Table) -> bytes:
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True}) as book:
        sheet = book.add_worksheet("거래")
        for at, (name, values) in enumerate(_typed_columns(table)):
            sheet.write_string(0, at, name)
            for row, value in enumerate(values, 1):
                if isinstance(value, float):
                    sheet.write_number(row, at, value)
                elif value is not None:
                    sheet.write_string(row, at, value)
    return sink.getvalue()


def _count_excel(content: bytes) -> int | None:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        if book.testzip():
            return None
        return book.read("xl/worksheets/sheet1.xml").count(b"<row ") - 1


def _render_sqlite(table: Table) -> bytes:
    columns = _typed_columns(table)
    taken = [name for name, _ in columns]
    # SQLite itself has no two columns of one name.
    names = ", ".join(f'"{name}{"_" * taken[:at].count(name)}"' for at, name in enumerate(taken))
    marks = ", ".join("?" for _ in columns)
    connection = sqlite3.connect(":memory:")
    connection.execute(f'create table "거래" ({names})')
    connection.executemany(f'insert into "거래" values ({marks})', zip(*(values for _, values in columns), strict=True))
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def _count_sqlite(content: bytes) -> int | None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        connection = sqlite3.connect(file.name)
        try:
            return len(connection.execute('select * from "거래"').fetchall())
        finally:
            connection.close()


def _nothing(content: bytes) -> bytes:
    return content


def _fixed_fields(header: Sequence[str]) -> dict[str, Any]:
    return {"fields": {name: [1 + at * FIXED_WIDTH, FIXED_WIDTH] for at, name in enumerate(header)}}


_CP949 = {"format": "csv", "codec": "cp949"}
_UTF_8 = {"format": "csv", "codec": "utf-8"}

FORMATS = [
    Format("csv_cp949", "csv", _CP949, _delimited("cp949"), _count_lines("cp949")),
    Format("csv_utf_8", "csv", _UTF_8, _delimited("utf-8"), _count_lines("utf-8")),
    Format("csv_with_mark", "csv", _UTF_8, _delimited("utf-8-sig"), _count_lines("utf-8")),
    Format("tsv", "tsv", _UTF_8 | {"delimiter": "\t"}, _delimited("utf-8", "\t"), _count_lines("utf-8")),
    Format(
        "gzip", "csv.gz", _CP949, _delimited("cp949"), _count_lines("cp949"), packed=_gzip, unpacked=gzip.decompress
    ),
    Format("zip", "csv.zip", _UTF_8, _delimited("utf-8"), _count_lines("utf-8"), packed=_zip, unpacked=_unzip),
    Format(
        "fixed_width",
        "txt",
        {"format": "fixed_width", "codec": "cp949"},
        _render_fixed_width,
        _count_lines("cp949", 0),
        names_columns=False,
        fields=_fixed_fields,
    ),
    Format(
        "json_lines",
        "jsonl",
        {"format": "json_lines", "codec": "utf-8"},
        _render_json_lines,
        _count_lines("utf-8", 0),
        column=lambda name: f"{NESTED_IN}.{name}",
    ),
    Format("parquet", "parquet", {"format": "parquet"}, _render_parquet, _count_parquet, is_text=False),
    Format("excel", "xlsx", {"format": "excel"}, _render_excel, _count_excel, is_text=False),
    Format("sqlite", "sqlite", {"format": "sqlite", "table": "거래"}, _render_sqlite, _count_sqlite, is_text=False),
]
