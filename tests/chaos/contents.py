"""What a home holds, so that two of them can be compared, and whether every row of it is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

RUN_METADATA = {"run_id", "loaded_at", "published_at", "state_hash"}
"""Columns that tell of a run and not of the data."""

Content = dict[str, list[tuple[Any, ...]]]


def content(home: Path) -> Content:
    """Table or archived batch -> its rows, without what differs from run to run and from folder to folder."""
    found: Content = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        tables = warehouse.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where schema_name in ('raw', 'ledger', 'quarantine', 'state') order by all"
        ).fetchall()
        for schema, table in tables:
            found[f"{schema}.{table}"] = _rows(warehouse, schema, table, home)
        for folder in sorted((home / "archive").glob("*/batch_id=*")):
            files = [str(file) for file in sorted(folder.glob("*.parquet"))]
            query = "select * from read_parquet(?, union_by_name = true) order by all"
            found[f"archive/{folder.parent.name}/{folder.name}"] = (
                warehouse.execute(query, [files]).fetchall() if files else []
            )
    return found


def _rows(warehouse: duckdb.DuckDBPyConnection, schema: str, table: str, home: Path) -> list[tuple[Any, ...]]:
    described = warehouse.execute(f'describe "{schema}"."{table}"').fetchall()
    columns = [
        f"replace(\"{name}\", '{home}', '')" if name in ("file", "path") else f'"{name}"'
        for name, data_type, *_ in described
        if name not in RUN_METADATA and (schema == "raw" or not data_type.startswith("TIMESTAMP"))
    ]
    return warehouse.execute(f'select {", ".join(columns)} from "{schema}"."{table}" order by all').fetchall()


def differences(found: Content, expected: Content) -> list[str]:
    """The tables and batches that differ, with how many rows each has."""
    names = sorted(set(found) | set(expected))
    return [
        f"{name}: {len(found.get(name, []))} rows, expected {len(expected.get(name, []))}"
        for name in names
        if found.get(name) != expected.get(name)
    ]


def unaccounted(home: Path) -> list[str]:
    """Batches whose rows are not those that the ledger says; none in a home whose first load was killed early."""
    if not (home / "warehouse.duckdb").exists():
        return []
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        tables = warehouse.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name = 'raw'"
        ).fetchall()
        if not tables:
            return []
        raw = " union all ".join(f'select batch_id, row_number from raw."{table}"' for _, table in tables)
        rows = warehouse.execute(
            f"""
            with raw as ({raw}),
            found as (
                select
                    batch_id,
                    count(*) filter (place = 'raw') as rows_loaded,
                    count(*) filter (place = 'quarantine') as rows_quarantined,
                from (
                    select batch_id, 'raw' as place from raw
                    union all select batch_id, 'quarantine' from quarantine.rows
                )
                group by batch_id
            ), current as (
                select loads.*, coalesce(pruned.rows_pruned, 0) as rows_pruned
                from ledger.loads as loads
                left join ledger.pruned_batches as pruned using (batch_id)
                where loads.is_current
            )
            select batch_id, current.rows_read, current.rows_loaded, found.rows_loaded, found.rows_quarantined
            from current
            full join found using (batch_id)
            where
                current.rows_read is null
                -- A fixed row is loaded beside what was loaded on arrival, and stays in quarantine as fixed.
                or current.rows_loaded + current.rows_fixed - current.rows_pruned <> coalesce(found.rows_loaded, 0)
                or current.rows_quarantined <> coalesce(found.rows_quarantined, 0)
                or current.rows_read
                <> current.rows_loaded + current.rows_quarantined + rows_duplicate + rows_unchanged + rows_blocked
            """
        ).fetchall()
    return [str(row) for row in rows]


def leftovers(home: Path) -> list[str]:
    """What a load left in the home's scratch folder, the empty folder for spilling aside."""
    return [str(path.relative_to(home)) for path in (home / "scratch").rglob("*") if path.is_file()]
