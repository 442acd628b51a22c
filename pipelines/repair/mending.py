"""The cells of rows in quarantine, by the names of the source's columns, and what a change to them makes of a row.

All of it happens on a connection in memory: the archive is only read, and nothing is decided here.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.archive.batches import archived_files, land_from_archive
from pipelines.connections import connected, identifier, insert_rows
from pipelines.errors import UsageError
from pipelines.ledger.loads import Known, Load
from pipelines.loading.decided_rows import keep_fixed
from pipelines.repair.quarantine import HeldRow, row_name
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Delivery, archived_deliveries
from pipelines.sources.landing import land
from pipelines.sources.landing_table import OWN_COLUMNS, landed_name
from pipelines.sources.masking import kinds_by_column, mask_landing
from pipelines.sources.parquet_landing import parquet_schema

_CELLS = """
create table cells (batch_id varchar, row_number bigint, position bigint, name varchar, type varchar, value varchar);
create table changes (batch_id varchar, row_number bigint, name varchar, value varchar);
"""


class Mending:
    """The rows in hand as `cells` (batch_id, row_number, position, name, type, value), and their `changes`.

    Open it in a with statement. Raises UsageError where a batch belongs to no source of the sources file any more.
    """

    def __init__(
        self,
        settings: Settings,
        sources_file: SourcesFile,
        known: Known,
        rows: Sequence[HeldRow],
        fixed: Sequence[tuple[str, int, str]],
    ) -> None:
        self.settings = settings
        self.sources_file = sources_file
        self.rows = {(row.batch_id, row.row_number): row for row in rows}
        self.fixed = {(batch_id, row_number): content for batch_id, row_number, content in fixed}
        batches = {row.batch_id for row in rows}
        loads = [load for load in known.loads if load.batch_id in batches]
        self.deliveries = {one.batch_id: one for one in archived_deliveries(known, sources_file, loads)}
        if missing := [load for load in loads if load.batch_id not in self.deliveries]:
            raise _no_source(missing[0])

    def __enter__(self) -> "Mending":
        self._open = connected(self.settings, None)
        self.connection = self._open.__enter__()
        self.connection.execute(_CELLS)
        self._fill_cells()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(None, None, None)

    def _fill_cells(self) -> None:
        insert_rows(
            self.connection,
            "create or replace table asked as from rows",
            ("batch_id", "row_number", "content"),
            [(*key, self.fixed.get(key, "{}")) for key in self.rows],
        )
        self.connection.execute("create table decided as select *, 'fix' as kind from asked")
        for deliveries in self._alike():
            land_from_archive(self.connection, self.settings, deliveries[0].source, deliveries)
            keep_fixed(self.connection)
            _append_cells(self.connection, "cells")

    def _alike(self) -> list[list[Delivery]]:
        """The deliveries in hand in groups of one source and one schema."""
        schemas = {}
        for batch_id, delivery in self.deliveries.items():
            files = archived_files(self.settings, delivery.source.feed, [batch_id])
            schemas[batch_id] = (id(delivery.source), parquet_schema(Path(files[0])) if files else "")
        order = sorted(self.deliveries.values(), key=lambda one: schemas[one.batch_id])
        return [list(group) for _, group in groupby(order, key=lambda one: schemas[one.batch_id])]

    def set(self, row: HeldRow, values: dict[str, str]) -> None:
        """Change cells of one row, by the names of the source's columns. Raises UsageError for a name that it lacks."""
        known = self.connection.execute(
            "select name from cells where batch_id = ? and row_number = ?", [row.batch_id, row.row_number]
        ).fetchall()
        columns = {name for (name,) in known}
        if wrong := [name for name in values if landed_name(name) not in columns]:
            raise UsageError(
                f"{row.name}: its source has no column {', '.join(wrong)}",
                f"give columns of {', '.join(sorted(columns))}",
            )
        insert_rows(
            self.connection,
            "insert into changes from rows",
            ("batch_id", "row_number", "name", "value"),
            [(row.batch_id, row.row_number, landed_name(name), value) for name, value in values.items()],
        )

    def set_record(self, row: HeldRow, line: str) -> None:
        """Change a whole row to what its source's format makes of the corrected `line`."""
        _require_readable(row)
        delivery = self.deliveries[row.batch_id]
        scratch = self.settings.scratch / "corrected line"
        scratch.write_text("\n".join([*_header(delivery), line]) + "\n", encoding=delivery.source.text_codec)
        try:
            stated = replace(delivery, path=scratch, is_archived=False)
            land(self.connection, delivery.source, [stated], self.sources_file.company.time_zone)
        finally:
            scratch.unlink()
        found = self.connection.execute("select _unparsed from landing").fetchall()
        if len(found) != 1 or found[0][0]:
            why = found[0][0] if len(found) == 1 else f"it is {len(found)} records"
            raise UsageError(f"{row.name}: the corrected line cannot be read: {why}", "give the whole line, mended")
        self.connection.execute("update landing set row_number = ?", [row.row_number])
        self.connection.execute("create or replace table record_cells as from cells limit 0")
        _append_cells(self.connection, "record_cells")
        self.connection.execute(
            "insert into changes select batch_id, row_number, name, coalesce(value, '') from record_cells"
        )

    def line_of(self, row: HeldRow) -> str | None:
        """The text of a row that could not be split into columns and was not fixed, else None."""
        is_unparsed = row.reasons.startswith("unparsable line") and (row.batch_id, row.row_number) not in self.fixed
        return row.record if is_unparsed else None

    def contents(self) -> list[tuple[str, int, str]]:
        """(batch_id, row_number, content) of each changed row: all values given to it, personal numbers masked.

        Raises UsageError where a value is not of its column's type, an unparsable line lacks a column, or a batch was
        refused because of its file as a whole.
        """
        self._check()
        self._mask()
        changed = self.connection.execute(
            "select batch_id, row_number, json_group_object(name, value)::varchar from changes "
            "group by all order by all"
        ).fetchall()
        merge = "select json_merge_patch(?::json, ?::json)::varchar"
        return [
            (batch_id, row_number, self._merged(merge, self.fixed.get((batch_id, row_number)), content))
            for batch_id, row_number, content in changed
        ]

    def _merged(self, merge: str, before: str | None, content: str) -> str:
        row = self.connection.execute(merge, [before, content]).fetchone() if before else (content,)
        assert row is not None
        return str(row[0])

    def _check(self) -> None:
        wrong = self.connection.execute(
            "select changes.batch_id, changes.row_number, changes.name, cells.type, changes.value "
            "from changes inner join cells using (batch_id, row_number, name) "
            "where cells.type <> 'VARCHAR' and changes.value <> '' order by all"
        ).fetchall()
        for batch_id, row_number, name, data_type, value in wrong:
            try:
                self.connection.execute(f"select cast(? as {data_type})", [value])
            except duckdb.Error:
                raise UsageError(
                    f"{row_name(batch_id, row_number)}: the value given for {name} is no {data_type.lower()}",
                    "give one that the column can hold",
                ) from None
        given = self.connection.execute("select batch_id, row_number, list(name) from changes group by all").fetchall()
        for batch_id, row_number, names in given:
            row = self.rows[(batch_id, row_number)]
            _require_readable(row)
            needed = [landed_name(name) for name in self.deliveries[batch_id].source.source_columns]
            if self.line_of(row) is not None and (missing := [name for name in needed if name not in names]):
                raise UsageError(
                    f"{row.name}: the line could not be split into columns, and {', '.join(missing)} are not given",
                    "give all columns that are mapped, or the whole corrected line with --record",
                )

    def _mask(self) -> None:
        """What is given goes through the masking that every delivery goes through."""
        for deliveries in self._alike():
            source = deliveries[0].source
            batches = [one.batch_id for one in deliveries]
            names = self.connection.execute(
                "select distinct name from changes where list_contains(?::varchar[], batch_id) order by name", [batches]
            ).fetchall()
            if not names:
                continue
            columns = ", ".join(
                f"max(value) filter (name = '{name.replace(chr(39), chr(39) * 2)}') as {identifier(name)}"
                for (name,) in names
            )
            self.connection.execute(
                "create or replace table landing as "
                f"select batch_id, row_number, null::varchar as _unparsed, null::varchar as _record, {columns} "
                "from changes where list_contains(?::varchar[], batch_id) group by all",
                [batches],
            )
            mask_landing(self.connection, source, kinds_by_column(self.connection, source))
            self.connection.execute("create or replace table masked_cells as from cells limit 0")
            _append_cells(self.connection, "masked_cells")
            self.connection.execute(
                "update changes set value = masked_cells.value from masked_cells "
                "where changes.batch_id = masked_cells.batch_id and changes.row_number = masked_cells.row_number "
                "and changes.name = masked_cells.name and masked_cells.value is not null"
            )


def _require_readable(row: HeldRow) -> None:
    if row.fault:
        raise UsageError(
            f"{row.name}: its batch was refused as a whole: {row.fault}",
            "mend the source's entry in the sources file, or deliver the file again",
        )


def _append_cells(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add every cell of `landing` to `table`, which has the shape of `cells`."""
    landed = connection.execute("select column_name, column_type from (describe landing)").fetchall()
    for position, (name, data_type) in enumerate(landed):
        if name not in OWN_COLUMNS:
            connection.execute(
                f"insert into {table} select batch_id, row_number, ?, ?, ?, {identifier(name)}::varchar from landing",
                [position, name, data_type],
            )


def _header(delivery: Delivery) -> list[str]:
    """The lines that stand before the first record of a file like this delivery's."""
    source = delivery.source
    if source.format == "csv" and not source.fields:
        names = (delivery.source_columns or "").split(", ")
        return [source.delimiter.join(f'"{name}"' if source.delimiter in name else name for name in names)]
    if source.format in ("csv", "fixed_width", "json_lines"):
        return [""] * source.header_lines
    raise UsageError(f"{source.feed} comes as {source.format}, which has no lines", "give values with --set")


def _no_source(load: Load) -> UsageError:
    return UsageError(
        f"{load.file}: the sources file has no entry for {load.feed} from {load.source_system} any more, "
        "or nothing of the file could be read",
        "put the entry back, or deliver the file again",
    )
