"""Lands fixed-width text: a line is cut by bytes before it is decoded, because in CP949 a Hangul syllable is two."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.compression import UnreadableFileError
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import Landed, column_names, landed_name
from pipelines.sources.text_landing import without_unreadable
from pipelines.sources.text_lines import Unreadable, decoded, whole_byte_lines

_ANY_BYTES_AS_TEXT = pc.CastOptions(pa.string(), allow_invalid_utf8=True)


def land_fixed_width(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from files of lines that have their fields at the same places."""
    assert isinstance(source.fields, dict), "the sources file was checked for this"
    layout = _Layout(source.fields, source.header_lines, source.text_codec)
    unreadable: Unreadable = {}
    stream = pa.RecordBatchReader.from_batches(layout.schema, _records(layout, deliveries, unreadable))
    gate.register("record_stream", stream)
    gate.execute("create table landing as from record_stream")
    gate.unregister("record_stream")
    faults = without_unreadable(gate, "landing", deliveries, unreadable)
    columns = column_names(sorted(source.fields, key=source.fields.__getitem__))
    return Landed(faults, {one.batch_id: columns for one in deliveries if one.batch_id not in faults})


@dataclass(frozen=True)
class _Layout:
    """Where the fields of a line stand: name -> (start from 1, length), in bytes."""

    fields: dict[str, tuple[int, int]]
    header_lines: int
    codec: str

    @cached_property
    def end(self) -> int:
        """The last byte of the last field."""
        return max(start + length - 1 for start, length in self.fields.values())

    @cached_property
    def least(self) -> int:
        """The bytes a line has at least: all but those of its last field, whose blanks may have been stripped."""
        return max(start for start, length in self.fields.values() if start + length - 1 == self.end) - 1

    @cached_property
    def schema(self) -> pa.Schema:
        names = ["_unparsed", "_record", *map(landed_name, self.fields)]
        return pa.schema(
            [("batch_id", pa.string()), ("row_number", pa.int64()), *((name, pa.string()) for name in names)]
        )


def _records(layout: _Layout, deliveries: list[Delivery], unreadable: Unreadable) -> Iterator[pa.RecordBatch]:
    for delivery in deliveries:
        try:
            first = 1
            for content in whole_byte_lines(delivery.path):
                lines = pc.split_pattern(pa.array([content], pa.large_binary()), b"\n").values.cast(pa.binary())
                yield _cut(layout, delivery.batch_id, first, lines)
                first += len(lines)
        except UnreadableFileError as error:
            unreadable[delivery.batch_id] = error


def _cut(layout: _Layout, batch_id: str, first: int, lines: pa.Array) -> pa.RecordBatch:
    """The records among `lines`, of which the first is number `first`: blank lines and header lines are none."""
    numbers = pa.array(np.arange(first, first + len(lines)))
    content = pc.binary_length(pc.ascii_rtrim(pc.cast(lines, options=_ANY_BYTES_AS_TEXT), " "))
    is_record = pc.and_(pc.greater(content, 0), pc.greater(numbers, layout.header_lines))
    lines, numbers, content = (values.filter(is_record) for values in (lines, numbers, content))
    length = pc.binary_length(lines)
    is_short, is_long = pc.less(length, layout.least), pc.greater(content, layout.end)
    is_parsed = pc.invert(pc.or_(is_short, is_long))
    told = pc.binary_join_element_wise(
        pc.if_else(is_short, "too short: ", "too long: "), length.cast(pa.string()), f" bytes of {layout.end}", ""
    )
    nothing = pa.scalar(None, pa.string())
    columns = [
        pc.if_else(is_parsed, decoded(pc.binary_slice(lines, start - 1, start - 1 + width), layout.codec), nothing)
        for start, width in layout.fields.values()
    ]
    # Only what is not parsed is kept whole.
    records = decoded(pc.if_else(is_parsed, pa.scalar(b"", pa.binary()), lines), layout.codec)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(batch_id, pa.string()), len(lines)),
            numbers,
            pc.if_else(is_parsed, nothing, told),
            pc.if_else(is_parsed, nothing, records),
            *columns,
        ],
        schema=layout.schema,
    )
