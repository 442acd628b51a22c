"""Lands one table or query of an SQLite database, streamed as Arrow from a snapshot that nobody's writing disturbs.

SQLite gives every value a type of its own: a column lands in the type that all its values have, else as text.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import dbapi as adbc
from adbc_driver_sqlite import dbapi as sqlite

from pipelines.connections import identifier
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import (
    Landed,
    column_names,
    create_empty_landing,
    create_landing,
    fault,
    header_fault,
    landed_name,
    typed_columns,
)

_BATCH_ROWS = 65_536
_WAIT_MILLISECONDS = 10_000
_KINDS = {"integer": 1, "real": 2, "text": 4, "blob": 8}


def land_sqlite(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from one database: no two need have the same types."""
    (delivery,) = deliveries
    try:
        with sqlite.connect(_uri(delivery.path)) as database, database.cursor() as cursor:
            return _land(gate, source, delivery, cursor)
    except (adbc.Error, OSError) as error:
        gate.execute("drop table if exists landing")
        create_empty_landing(gate)
        return Landed({delivery.batch_id: _unreadable(delivery, error)}, {})


def _uri(path: Path) -> str:
    """Read-only. Where nobody is writing, without locks and without a file beside, as in a folder that is read-only."""
    is_written = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    return f"file:{quote(str(path))}?mode=ro" + ("" if is_written else "&immutable=1")


def _unreadable(delivery: Delivery, error: Exception) -> str:
    # The driver's sentence is "... query: cause", and the statement follows in lines of its own.
    cause = str(error).splitlines()[0].rpartition("query: ")[2]
    if "locked" in cause:
        return fault(delivery, "another program keeps the database locked", "run again when it has finished writing")
    return fault(
        delivery,
        f"not readable as an SQLite database: {cause}",
        "mend table or query of this source in the sources file, or deliver the database again",
    )


@dataclass(frozen=True)
class _Column:
    """A column of the source: its name there and as it is landed, and the kinds of value that it has, as bits."""

    name: str
    kinds: int

    @property
    def landed(self) -> str:
        return landed_name(unicodedata.normalize("NFC", self.name))

    @property
    def typed(self) -> tuple[str, str, pa.DataType]:
        """The expression that reads it, a value of the type that this gives, and that type."""
        name = identifier(self.name)
        if self.kinds == _KINDS["integer"]:
            return name, "0", pa.int64()
        if self.kinds and not self.kinds & ~(_KINDS["integer"] | _KINDS["real"]):
            return f"cast({name} as real)", "0.0", pa.float64()
        return f"case typeof({name}) when 'blob' then hex({name}) else cast({name} as text) end", "''", pa.string()


def _land(gate: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, cursor: adbc.Cursor) -> Landed:
    cursor.execute(f"pragma busy_timeout = {_WAIT_MILLISECONDS}")
    # A line end, because a comment may end the query.
    records = f"({source.query}\n)" if source.query else identifier(source.table or "")
    cursor.execute(f"select * from {records} limit 0")
    # DuckDB knows no column without a name.
    columns = _columns(cursor, records, [column[0] for column in cursor.description or [] if column[0]])
    header = [unicodedata.normalize("NFC", column.name) for column in columns]
    reason = header_fault(source, delivery, header)
    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_BATCH_ROWS)})
    cursor.execute(_statement(columns, records, has_rowid=not source.query and _has_rowid(cursor, records)))
    failures: list[Exception] = []
    names = [identifier(column.landed) for column in columns]
    gate.register("record_stream", _stream(cursor.fetch_record_batch(), columns, failures))
    create_landing(gate, delivery, "record_stream", names, reason)
    gate.unregister("record_stream")
    if failures:
        raise failures[0]
    return Landed(
        {delivery.batch_id: reason} if reason else {},
        {delivery.batch_id: _declared(cursor, source) or column_names(header)},
    )


def _columns(cursor: adbc.Cursor, records: str, names: list[str]) -> list[_Column]:
    cases = " ".join(f"when '{kind}' then {bit}" for kind, bit in _KINDS.items())
    kinds = ", ".join(f"sum(distinct case typeof({identifier(name)}) {cases} end)" for name in names)
    cursor.execute(f"select {kinds} from {records}")
    found = cursor.fetchone() or ()
    return [_Column(name, kinds or 0) for name, kinds in zip(names, found, strict=True)]


def _has_rowid(cursor: adbc.Cursor, records: str) -> bool:
    with suppress(adbc.ProgrammingError):  # a view has none
        cursor.execute(f"select rowid from {records} limit 0")
        return True
    return False


def _statement(columns: list[_Column], records: str, has_rowid: bool) -> str:
    """The query of all rows, led by one that shows the types: the driver takes them from the first rows alone."""
    expressions, examples, _ = zip(*(column.typed for column in columns), strict=True)
    position, ordered = (
        (
            ", rowid",
            ", null",
        )
        if has_rowid
        else ("", "")
    )
    return (
        f"select {', '.join(examples)}{ordered} union all select {', '.join(expressions)}{position} from {records}"
        + (f" order by {len(columns) + 1}" if has_rowid else "")
    )


def _stream(reader: pa.RecordBatchReader, columns: list[_Column], failures: list[Exception]) -> pa.RecordBatchReader:
    schema = pa.schema([("row_number", pa.int64()), *((column.landed, column.typed[2]) for column in columns)])
    return pa.RecordBatchReader.from_batches(schema, _batches(reader, schema, failures))


def _batches(reader: pa.RecordBatchReader, schema: pa.Schema, failures: list[Exception]) -> Iterator[pa.RecordBatch]:
    """The rows after the first with their numbers. An error goes into `failures`, so that DuckDB does not wrap it."""
    first = 0
    try:
        for batch in reader:
            numbers = pa.array(np.arange(first, first + batch.num_rows))
            values = [
                _readable(column) if pa.types.is_string(column.type) else column
                for column in batch.columns[: len(schema) - 1]
            ]
            yield pa.RecordBatch.from_arrays([numbers, *values], schema=schema).slice(0 if first else 1)
            first += batch.num_rows
    except (adbc.Error, OSError) as error:
        failures.append(error)


def _readable(texts: pa.Array) -> pa.Array:
    """Texts in NFC; SQLite does not see to it that they are UTF-8, and what is not becomes U+FFFD."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    content = texts.cast(pa.binary())
    try:
        texts = content.cast(pa.string())
    except pa.ArrowInvalid:
        texts = pa.array(
            [None if text is None else text.decode(errors="replace") for text in content.to_pylist()], pa.string()
        )
    return pc.utf8_normalize(texts, "NFC")


def _declared(cursor: adbc.Cursor, source: Source) -> str:
    """The columns of a table with their declared types, which say what the found ones do not: that one has changed."""
    if not source.table:
        return ""
    cursor.execute("select name, type from pragma_table_info(?) order by cid", (source.table,))
    return typed_columns(cursor.fetchall())
