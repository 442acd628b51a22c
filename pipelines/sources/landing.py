"""Lands deliveries as they are: every record a row of the table `landing`, text as text, typed sources in their types.

Each format has a module of its own; the table's shape is in `landing_table.py`. Nothing is dropped.
"""

from collections.abc import Callable

import duckdb

from pipelines.connections import identifier, literal
from pipelines.sources.configuration import Source
from pipelines.sources.csv_landing import land_csv
from pipelines.sources.deliveries import Delivery
from pipelines.sources.json_lines_landing import json_path, land_json_lines
from pipelines.sources.landing_table import Faults, landed_name
from pipelines.sources.parquet_landing import land_parquet

_LANDERS: dict[str, Callable[[duckdb.DuckDBPyConnection, Source, list[Delivery]], Faults]] = {
    "csv": land_csv,
    "json_lines": land_json_lines,
    "parquet": land_parquet,
}


def land(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Faults:
    """Create the table `landing` in `gate` from `deliveries`, all of one source and, in Parquet, of one schema.

    Returns the batches whose records cannot be mapped; their rows are landed too, as unparsed records.
    """
    gate.execute("drop table if exists landing")
    return _LANDERS[source.format](gate, source, deliveries)


def source_expression(source: Source, column: str) -> str:
    """The SQL that reads a column of the source from a row of landing."""
    if source.format == "json_lines":
        path = literal(json_path(column))
        return f"case when landing._unparsed is null then json_extract_string(landing._record, {path}) end"
    return f"landing.{identifier(landed_name(column))}"
