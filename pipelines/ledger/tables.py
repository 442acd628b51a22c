"""The shape of every table that the pipelines write to: the load ledger's, the quarantine's, each wing's, and raw's.

Nothing here moves rows; that is `pipelines/loading/raw.py`, which writes raw rows and ledger lines in one transaction.
"""

from functools import cache

import duckdb

from pipelines.connections import has_table, identifier
from pipelines.contracts import feeds
from pipelines.errors import WarehouseError
from pipelines.ledger import accesses, decisions, erasures, identity, prunings

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


def create_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing of the ledger, the quarantine, the decisions and every feed's raw table, all or nothing.

    Raises WarehouseError where a table is there in another shape.
    """
    if is_created(warehouse):
        check_tables(warehouse)
    warehouse.execute("begin transaction")
    warehouse.execute(_definitions())
    if not _version(warehouse):
        warehouse.execute("insert into ledger.version values (?)", [_VERSION])
    warehouse.execute("commit")


def check_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Raise WarehouseError where a table has not the columns of today: another version of the project made it."""
    wanted, found = _wanted_columns(_definitions()), _columns(warehouse)
    changed = [table for table, columns in wanted.items() if found.get(table, columns) != columns]
    if changed or _version(warehouse) != _VERSION:
        raise WarehouseError(
            "the warehouse was made by another version of the project"
            + (f": other columns in {', '.join(changed)}" if changed else ""),
            "run `crmdw rebuild`, which makes it anew from the archive and the decisions",
        )


def _definitions() -> str:
    raw = []
    for feed in feeds().values():
        columns = ", ".join(f"{identifier(name)} {data_type}" for name, data_type in feed.raw_columns().items())
        raw.append(f"create table if not exists {identifier('raw', feed.name)} ({columns});")
    others = (decisions, identity, accesses, erasures, prunings)
    return _TABLES + "".join(other.TABLES for other in others) + "\n".join(raw)


@cache
def _wanted_columns(definitions: str) -> dict[str, list[tuple[str, str]]]:
    with duckdb.connect() as empty:
        empty.execute(definitions)
        return _columns(empty)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Table -> (name, type) of its columns in order."""
    rows = connection.execute(
        """
        select schema_name || '.' || table_name, list((column_name, data_type) order by column_index)
        from duckdb_columns()
        where not internal and schema_name in ('raw', 'ledger', 'quarantine', 'state')
        group by all
        order by all
        """
    ).fetchall()
    return dict(rows)


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
