"""The work sheet: rows in quarantine as a CSV file in which a steward mends cells, in Excel or any editor."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.connections import connected, exact_name, identifier, insert_rows, literal
from pipelines.errors import UsageError
from pipelines.repair.mending import Mending
from pipelines.settings import Settings

_ROW, _REASONS, _LINE = "crmdw row", "crmdw reasons", "crmdw line"
_MARK = b"\xef\xbb\xbf"
"""By which Excel knows UTF-8."""


def write_sheet(mending: Mending, path: Path) -> None:
    """Write the rows in hand to `path`, mode 0600.

    Columns: the row's name, why it is held back, the text of a line that could not be split, then the source's own.
    """
    connection = mending.connection
    found = connection.execute("select name from cells group by name order by min(position), name").fetchall()
    columns = [f"max(cells.value) filter (cells.name = {literal(name)}) as {identifier(name)}" for (name,) in found]
    insert_rows(
        connection,
        "create or replace table held as from rows",
        ("batch_id", "row_number", "reasons", "line"),
        [(*key, row.reasons, mending.line_of(row)) for key, row in mending.rows.items()],
    )
    bare = mending.settings.scratch / "work sheet.csv"
    with _private(bare):
        connection.execute(
            f"""
            copy (
                select {
                ", ".join(
                    [
                        f"held.batch_id || ':' || held.row_number as {identifier(_ROW)}",
                        f"held.reasons as {identifier(_REASONS)}",
                        f"held.line as {identifier(_LINE)}",
                        *columns,
                    ]
                )
            }
                from held
                left join cells using (batch_id, row_number)
                group by held.batch_id, held.row_number, held.reasons, held.line
                order by held.batch_id, held.row_number
            ) to {literal(bare)} (format csv, header)
            """
        )
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(_MARK + bare.read_bytes())


@contextmanager
def sheet(settings: Settings, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the table `sheet`: batch_id, row_number, name and value of every cell of a mended sheet.

    Excel may have saved it in the code page of Korean Windows. Raises UsageError where it is no work sheet.
    """
    content = path.read_bytes().removeprefix(_MARK)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp949", errors="replace")
    bare = settings.scratch / "work sheet.csv"
    with _private(bare), connected(settings, None) as connection:
        bare.write_text(text, encoding="utf-8", newline="")
        try:
            connection.execute(
                "create table whole as from read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"', "
                "escape = '\"')",
                [exact_name(bare)],
            )
            connection.execute(
                f"""
                create table sheet as
                select
                    split_part({identifier(_ROW)}, ':', 1) as batch_id,
                    split_part({identifier(_ROW)}, ':', 2)::bigint as row_number,
                    name,
                    coalesce(value, '') as value,
                from (
                    from (select * exclude ({identifier(_REASONS)}) from whole)
                    unpivot include nulls (value for name in (columns(* exclude ({identifier(_ROW)}))))
                )
                """
            )
        except duckdb.Error as error:
            raise UsageError(
                f"{path}: this is no work sheet", "give one that `crmdw quarantine show --out` wrote, saved as CSV"
            ) from error
        yield connection


def take_changes(mending: Mending, mended: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Note what a steward changed in the rows in hand; column -> how many of its cells.

    Raises UsageError where a cell was filled in a column that the row's source has not.
    """
    connection = mending.connection
    # Two databases in memory see nothing of each other.
    cells = mended.execute("from sheet").to_arrow_table()
    connection.register("mended", cells)
    connection.execute(
        "create or replace table sheet as select batch_id, row_number, name, value from mended "
        "semi join asked using (batch_id, row_number)"
    )
    connection.unregister("mended")
    lines = connection.execute(
        f"select batch_id, row_number, value from sheet where name = {literal(_LINE)}"
    ).fetchall()
    for batch_id, row_number, line in lines:
        row = mending.rows[(batch_id, row_number)]
        if line and line != mending.line_of(row):
            mending.set_record(row, line)
    wrong = connection.execute(
        f"select name from sheet anti join cells using (batch_id, row_number, name) "
        f"where value <> '' and name <> {literal(_LINE)} limit 1"
    ).fetchone()
    if wrong:
        raise UsageError(
            f"the sheet has a value in column {wrong[0]} of a row whose source has no such column",
            "empty that cell; a sheet may hold rows of several sources",
        )
    connection.execute(
        """
        insert into changes
        select sheet.batch_id, sheet.row_number, sheet.name, sheet.value
        from sheet
        inner join cells using (batch_id, row_number, name)
        anti join changes as noted
            on sheet.batch_id = noted.batch_id and sheet.row_number = noted.row_number and sheet.name = noted.name
        where sheet.value <> coalesce(cells.value, '')
        """
    )
    return dict(connection.execute("select name, count(*) from changes group by name order by name").fetchall())


def rows_of(mended: duckdb.DuckDBPyConnection) -> list[str]:
    """The whole names of the rows of a sheet."""
    found = mended.execute("select distinct batch_id || ':' || row_number from sheet order by all").fetchall()
    return [name for (name,) in found]


@contextmanager
def _private(path: Path) -> Iterator[None]:
    """A scratch file that nobody else may read, and that does not stay."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
