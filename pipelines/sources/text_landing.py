"""Text files on their way to landing: their lines in the table `lines`, before a format makes columns of them."""

import duckdb

from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import Faults, fault
from pipelines.sources.text_lines import Unreadable, read_lines


def land_lines(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create the table `lines` (batch_id, row_number, line); returns the files that could not be read to their end."""
    unreadable: Unreadable = {}
    files = [(delivery.batch_id, delivery.path) for delivery in deliveries]
    gate.register("line_stream", read_lines(files, source.text_codec, unreadable))
    gate.execute("create or replace table lines as from line_stream")
    gate.unregister("line_stream")
    return without_unreadable(gate, "lines", deliveries, unreadable)


def without_unreadable(
    gate: duckdb.DuckDBPyConnection, table: str, deliveries: list[Delivery], unreadable: Unreadable
) -> Faults:
    """Take out of `table` what was read of a file before it failed: no part of a delivery can be judged alone."""
    gate.execute(f"delete from {table} where list_contains(?::varchar[], batch_id)", [list(unreadable)])
    return {
        delivery.batch_id: fault(delivery, error.cause, error.remedy)
        for delivery in deliveries
        if (error := unreadable.get(delivery.batch_id))
    }
