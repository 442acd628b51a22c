"""The load ledger and the raw tables beside it: their shape, and the questions the pipelines ask of them.

Nothing here moves rows; that is `pipelines/raw.py`, which writes raw rows and ledger lines in one transaction.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

import duckdb

from pipelines import decisions
from pipelines.connections import connected, has_table, identifier
from pipelines.contracts import Feed, feeds
from pipelines.errors import WarehouseError
from pipelines.identity import ledger as identity
from pipelines.privacy import access_log, erasure_ledger, pruning_ledger
from pipelines.settings import Settings

COUNTS = ("read", "loaded", "quarantined", "duplicate", "unchanged", "blocked")
"""Conservation: the first is the sum of the others, in every batch; the table itself refuses anything else."""

Slot = tuple[str, str, date, str]
"""Source system, feed, delivery date and part: the place of one delivery."""

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
class Load:
    """One line of the ledger that is in force: the batch of its slot that was loaded last, or refused since.

    `reading_hash` is of the source's entry it was read by, `fault` why its file could not be read as a whole, and
    `source_columns` what columns the source itself had (see `pipelines/sources/landing_table.py`). A stale one
    is to be loaded again, because somebody decided about its rows or withdrew what they were compared with.
    """

    load_number: int
    batch_id: str
    source_system: str
    feed: str
    delivery_date: date
    part: str
    file: str
    file_hash: str
    reading_hash: str
    fault: str | None
    source_columns: str | None
    rows_read: int
    verdict: str
    reason: str | None
    loaded_at: datetime
    values_masked: int
    is_stale: bool

    @property
    def slot(self) -> Slot:
        return (self.source_system, self.feed, self.delivery_date, self.part)


@dataclass(frozen=True)
class Known:
    """What the ledger knows: the lines in force by number, and the files that were read.

    `files` maps (feed, system, path) to (size, modification time in nanoseconds, batch); `retracted` are the batches
    that were withdrawn on purpose, `erased` those that are read from the archive
    alone, because persons were erased of it; `closed` maps feeds to the day before which they were pruned.
    """

    loads: list[Load] = field(default_factory=list)
    files: dict[tuple[str, str, str], tuple[int, int, str]] = field(default_factory=dict)
    retracted: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    closed: dict[str, date] = field(default_factory=dict)

    def is_closed(self, feed: str, day: date) -> bool:
        """Whether what was delivered of a feed for `day` is not loaded any more, because it was pruned."""
        return day < self.closed.get(feed, date.min)


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
    others = (decisions, identity, access_log, erasure_ledger, pruning_ledger)
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


def current_loads(warehouse: duckdb.DuckDBPyConnection, feed: str | None = None) -> list[Load]:
    """The lines in force, of one feed or of all, by delivery date."""
    rows = warehouse.execute(
        """
        select
            load_number, batch_id, source_system, feed, delivery_date, part, file, file_hash, reading_hash, fault,
            source_columns, rows_read, verdict, reason, loaded_at, values_masked, is_stale
        from ledger.loads
        where is_current and ($feed is null or feed = $feed)
        order by feed, delivery_date, source_system, part, load_number
        """,
        {"feed": feed},
    ).fetchall()
    return [Load(*row) for row in rows]


def known(warehouse: duckdb.DuckDBPyConnection, feed: str | None = None) -> Known:
    """What the ledger knows of one feed or of all."""
    rows = warehouse.execute(
        "select feed, source_system, path, size, modified_nanoseconds, batch_id "
        "from ledger.files where $feed is null or feed = $feed",
        {"feed": feed},
    ).fetchall()
    retracted = warehouse.execute(
        f"select batch_id from ({decisions.in_force()}) where row_number is null and kind = 'retract'"
    ).fetchall()
    return Known(
        current_loads(warehouse, feed),
        {tuple(row[:3]): tuple(row[3:]) for row in rows},
        frozenset(batch_id for (batch_id,) in retracted),
        erasure_ledger.erased_batches(warehouse),
        pruning_ledger.closed_before(warehouse),
    )


def conservation(warehouse: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The counts of the lines in force, summed: batches, refused, and each of COUNTS."""
    sums = ", ".join(f"coalesce(sum(rows_{count}), 0)::bigint" for count in COUNTS)
    row = warehouse.execute(
        f"select count(*), count(*) filter (verdict = 'refused'), {sums} from ledger.loads where is_current"
    ).fetchone()
    assert row is not None
    return dict(zip(("batches", "refused", *COUNTS), row, strict=True))


def state_hash(
    warehouse: duckdb.DuckDBPyConnection, company: tuple[str, str], shortfalls: Iterable[tuple[str, str, date, str]]
) -> str:
    """A hash of all that the marts are made of: equal hashes, nothing to build.

    `company` is (time zone, currency); `shortfalls` are the optional ones as (feed, system, delivery date, kind).
    """
    lines = "select load_number, is_stale from ledger.loads where is_current order by all"
    numbers = warehouse.execute(lines).fetchall()
    closed = sorted(pruning_ledger.closed_before(warehouse).items())
    known = (*identity.decided(warehouse), *erasure_ledger.erased(warehouse), *closed)
    decided = (numbers, company, sorted(shortfalls), *known)
    return hashlib.md5(repr(decided).encode()).hexdigest()


def known_state_hash(warehouse: duckdb.DuckDBPyConnection) -> str:
    """The state_hash by the shortfalls and the company as the last run wrote them down."""
    company = warehouse.execute("select time_zone, currency from ledger.company").fetchone()
    shortfalls = warehouse.execute(
        "select feed, source_system, delivery_date, kind from ledger.shortfalls where not is_required"
    ).fetchall()
    return state_hash(warehouse, company or ("", ""), shortfalls)


def published_state_hash(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """The state_hash of the last publication, None before the first."""
    row = warehouse.execute("select state_hash from ledger.publications order by published_at desc limit 1").fetchone()
    return str(row[0]) if row else None
