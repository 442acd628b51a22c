"""The shape of every table that the pipelines write to: the load ledger's, the quarantine's, each wing's, and raw's.

Nothing here moves rows; that is `pipelines/loading/raw.py`, which writes raw rows and ledger lines in one transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import duckdb

from pipelines.connections import connected, has_table, identifier
from pipelines.contracts import Feed, feeds
from pipelines.errors import WarehouseError
from pipelines.ledger import accesses, decisions, erasures, identity, prunings
from pipelines.settings import Settings

_VERSION = 2
"""Goes up when the meaning of the tables changes; that their columns changed is seen without it."""

_TABLES = """
create schema if not exists raw;
create schema if not exists ledger;
create schema if not exists quarantine;
create table if not exists ledger.loads (
    load_number bigint primary key,
    batch_id varchar not null,
    source_system varchar not null,
    feed varchar not null,
    delivery_date date not null,
    part varchar not null,
    file varchar not null,
    file_hash varchar not null,
    reading_hash varchar not null,
    fault varchar,
    source_columns varchar,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_quarantined bigint not null,
    rows_duplicate bigint not null,
    rows_unchanged bigint not null,
    rows_blocked bigint not null,
    rows_fixed bigint not null,
    values_masked bigint not null,
    verdict varchar not null check (verdict in ('loaded', 'refused')),
    reason varchar,
    is_current boolean not null,
    is_stale boolean not null,
    is_retracted boolean not null,
    superseded_by varchar,
    run_id varchar not null,
    loaded_at timestamp not null,
    check (
        rows_read = rows_loaded + rows_quarantined + rows_duplicate + rows_unchanged + rows_blocked
    )
);
create table if not exists ledger.files (
    feed varchar not null,
    source_system varchar not null,
    path varchar not null,
    size bigint not null,
    modified_nanoseconds bigint not null,
    batch_id varchar not null,
    primary key (feed, source_system, path)
);
create table if not exists ledger.gate_results (
    batch_id varchar not null,
    feed varchar not null,
    suite varchar not null,
    expectation varchar not null,
    severity varchar not null,
    verdict varchar not null,
    rows_failed bigint not null,
    observed varchar not null,
    limit_value varchar not null
);
create table if not exists ledger.company (
    time_zone varchar not null,
    currency varchar not null,
    complete_date date,
    judged_at timestamp not null
);
create table if not exists ledger.shortfalls (
    feed varchar not null,
    source_system varchar not null,
    delivery_date date not null,
    kind varchar not null check (kind in ('overdue', 'refused')),
    is_required boolean not null
);
create table if not exists ledger.publications (
    published_at timestamp not null,
    run_id varchar not null,
    complete_date date,
    state_hash varchar not null,
    content_hash varchar not null,
    judged_at timestamp,
    last_arrival bigint,
    decision_number bigint,
    override_number bigint,
    model_number bigint,
    resolution_number bigint
);
create table if not exists quarantine.rows (
    feed varchar not null,
    batch_id varchar not null,
    row_number bigint not null,
    reasons varchar not null,
    record varchar,
    held_amount decimal(18, 2),
    held_currency varchar,
    status varchar not null check (status in ('open', 'fixed', 'discarded'))
);
create table if not exists ledger.version (
    version integer not null
);
"""


@dataclass(frozen=True)
class _Column:
    """A column as a table has it: its type, its default as SQL, and whether it may be added to a table with rows."""

    data_type: str
    default: str | None
    can_be_added: bool


def create_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing of the ledger, the quarantine, the decisions and every feed's raw table, all or nothing.

    A table that lacks columns of today gets them, empty or with their default. Raises WarehouseError where a table is
    there in a shape that this does not mend.
    """
    missing = missing_columns(warehouse) if is_created(warehouse) else []
    warehouse.execute("begin transaction")
    for schema, table, column, definition in missing:
        warehouse.execute(f"alter table {identifier(schema, table)} add column {identifier(column)} {definition}")
    warehouse.execute(_definitions())
    if not _version(warehouse):
        warehouse.execute("insert into ledger.version values (?)", [_VERSION])
    warehouse.execute("commit")


def missing_columns(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str]]:
    """(schema, table, column, SQL of its type and default) of what the tables lack of today's columns.

    Raises WarehouseError where another version of the project made a table in a shape that added columns do not mend:
    where a column went or has another type, or where the rows that are there could not do without a new one.
    """
    wanted, found = _wanted_columns(_definitions()), _columns(warehouse)
    missing, changed = [], []
    for (schema, table), columns in wanted.items():
        there = found.get((schema, table), columns)
        gained = {name: column for name, column in columns.items() if name not in there}
        is_kept = all(name in columns and columns[name].data_type == one.data_type for name, one in there.items())
        can_be_added = all(column.can_be_added for column in gained.values())
        if not (is_kept and can_be_added) or (schema == "raw" and _needs_all_rows_again(feeds()[table], set(gained))):
            changed.append(f"{schema}.{table}")
        for name, column in gained.items():
            default = f" default {column.default}" if column.default else ""
            missing.append((schema, table, name, f"{column.data_type}{default}"))
    if changed or _version(warehouse) != _VERSION:
        raise WarehouseError(
            "the warehouse was made by another version of the project"
            + (f": other columns in {', '.join(changed)}" if changed else ""),
            "run `crmdw rebuild`, which makes it anew from the archive and the decisions",
        )
    return missing


def _needs_all_rows_again(feed: Feed, gained: set[str]) -> bool:
    """Whether raw rows from before say too little without the gained columns.

    A snapshot's rows are compared by a hash of all columns, a required column is never empty, and of a key that was
    there before, each row knows which system numbered it.
    """
    of_contract = [column for column in feed.columns if column.name in gained]
    companions = {column.companion for column in feed.columns if column.companion and column.name not in gained}
    is_snapshot = feed.brings == "snapshot" and bool(gained)
    return is_snapshot or any(column.required for column in of_contract) or not companions.isdisjoint(gained)


@contextmanager
def reading_current_tables(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of a home, to be read: its tables have today's columns, or it was never loaded.

    Where they lack some they get them first. Raises WarehouseError as `missing_columns` does.
    """
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        if not is_created(warehouse) or not missing_columns(warehouse):
            yield warehouse
            return
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        yield warehouse


def _definitions() -> str:
    raw = []
    for feed in feeds().values():
        columns = ", ".join(f"{identifier(name)} {data_type}" for name, data_type in feed.raw_columns().items())
        raw.append(f"create table if not exists {identifier('raw', feed.name)} ({columns});")
    others = (decisions, identity, accesses, erasures, prunings)
    return _TABLES + "".join(other.TABLES for other in others) + "\n".join(raw)


@cache
def _wanted_columns(definitions: str) -> dict[tuple[str, str], dict[str, _Column]]:
    with duckdb.connect() as empty:
        empty.execute(definitions)
        return _columns(empty)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, _Column]]:
    """(Schema, table) -> its columns by name. Their order means nothing: all is read and written by name."""
    rows = connection.execute(
        """
        with constrained as (
            select distinct schema_name, table_name, unnest(constraint_column_names) as column_name
            from duckdb_constraints()
        )
        select
            columns.schema_name,
            columns.table_name,
            columns.column_name,
            columns.data_type,
            columns.column_default,
            constrained.column_name is null as can_be_added,
        from duckdb_columns() as columns
        left join constrained using (schema_name, table_name, column_name)
        where not columns.internal and columns.schema_name in ('raw', 'ledger', 'quarantine', 'state')
        order by columns.schema_name, columns.table_name, columns.column_index
        """
    ).fetchall()
    found: dict[tuple[str, str], dict[str, _Column]] = {}
    for schema, table, name, *column in rows:
        found.setdefault((schema, table), {})[name] = _Column(*column)
    return found


def _version(warehouse: duckdb.DuckDBPyConnection) -> int | None:
    """The version of the tables that are there, None where they tell none."""
    if not has_table(warehouse, "ledger", "version"):
        return None
    row = warehouse.execute("select max(version) from ledger.version").fetchone()
    return row[0] if row else None


def is_created(warehouse: duckdb.DuckDBPyConnection) -> bool:
    """Whether the ledger is there; a command that was killed early leaves a file without it."""
    found = warehouse.execute("select count(*) from duckdb_tables() where schema_name = 'ledger'").fetchone()
    return bool(found and found[0])
