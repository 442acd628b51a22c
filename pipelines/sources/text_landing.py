"""Text files on their way to landing: their lines in the table `lines`, before a format makes columns of them."""

import duckdb

from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.landing_table import Faults, fault
from pipelines.sources.text_lines import read_lines


def land_lines(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create the table `lines` (batch_id, row_number, line); returns the files that could not be read to their end."""
    unreadable: dict[str, OSError] = {}
    files = [(delivery.batch_id, delivery.path) for delivery in deliveries]
    gate.register("line_stream", read_lines(files, source.text_codec, unreadable))
    gate.execute("create or replace table lines as from line_stream")
    gate.unregister("line_stream")
    # What was read of a file before it failed is no part of a delivery that can be judged.
    gate.execute("delete from lines where list_contains(?::varchar[], batch_id)", [list(unreadable)])
    return {
        delivery.batch_id: fault(
            delivery,
            f"{delivery.path} cannot be read: {unreadable[delivery.batch_id].strerror}",
            "let crmdw read the file, and deliver it again",
        )
        for delivery in deliveries
        if delivery.batch_id in unreadable
    }
