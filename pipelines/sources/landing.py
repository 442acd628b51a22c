"""Lands deliveries as they are: every record a row of the table `landing`, text as text, typed sources in their types.

Each format has a module of its own; the table's shape is in `landing_table.py`. Nothing is dropped.
"""

from collections.abc import Callable

import duckdb

from pipelines.sources.configuration import Source
from pipelines.sources.csv_landing import land_csv
from pipelines.sources.deliveries import Delivery
from pipelines.sources.excel_landing import land_excel
from pipelines.sources.fixed_width_landing import land_fixed_width
from pipelines.sources.json_lines_landing import land_json_lines
from pipelines.sources.landing_table import Landed
from pipelines.sources.parquet_landing import land_parquet
from pipelines.sources.postgresql_landing import land_postgresql


def _land_sqlite(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    from pipelines.sources.sqlite_landing import land_sqlite  # noqa: PLC0415 (ADBC imports pandas, most of a second)

    return land_sqlite(gate, source, deliveries)


_LANDERS: dict[str, Callable[[duckdb.DuckDBPyConnection, Source, list[Delivery]], Landed]] = {
    "csv": land_csv,
    "fixed_width": land_fixed_width,
    "json_lines": land_json_lines,
    "parquet": land_parquet,
    "excel": land_excel,
    "sqlite": _land_sqlite,
}


def land(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery], time_zone: str) -> Landed:
    """Create the table `landing` in `gate` from `deliveries`, all of one source and such as can stand in one table.

    Batches whose records cannot be mapped are at fault; their rows are landed too, as unparsed records. A database's
    days are business days in `time_zone`. Raises DatabaseError.
    """
    gate.execute("drop table if exists landing")
    if source.format == "postgresql":
        return land_postgresql(gate, source, deliveries, time_zone)
    return _LANDERS[source.format](gate, source, deliveries)
