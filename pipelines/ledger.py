"""The load ledger and the raw tables beside it: their shape, and the questions the pipelines ask of them.

Nothing here moves rows; that is `pipelines/raw.py`, which writes raw rows and ledger lines in one transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import duckdb

from pipelines.connections import identifier
from pipelines.contracts import feeds

COUNTS = ("read", "loaded", "quarantined", "duplicate", "unchanged", "blocked")
"""Conservation: the first is the sum of the others, in every batch; the table itself refuses anything else."""

_TABLES = """
create schema if not exists raw;
create schema if not exists ledger;
create schema if not exists quarantine;
create table if not exists ledger.loads (
    batch_id varchar primary key,
    source_system varchar not null,
    feed varchar not null,
    delivery_date date not null,
    part varchar not null,
    file varchar not null,
    file_hash varchar not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_quarantined bigint not null,
    rows_duplicate bigint not null,
    rows_unchanged bigint not null,
    rows_blocked bigint not null,
    verdict varchar not null check (verdict in ('loaded', 'refused')),
    reason varchar,
    is_current boolean not null,
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
    expectation varchar not null,
    severity varchar not null,
    verdict varchar not null,
    rows_failed bigint not null
);
create table if not exists ledger.company (
    time_zone varchar not null,
    currency varchar not null,
    complete_date date
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
    loads_hash varchar not null,
    content_hash varchar not null
);
create table if not exists quarantine.rows (
    feed varchar not null,
    batch_id varchar not null,
    row_number bigint not null,
    reasons varchar not null,
    record varchar
);
"""


@dataclass(frozen=True)
class Load:
    """One line of the ledger that is in force: the latest batch of its slot."""

    batch_id: str
    source_system: str
    feed: str
    delivery_date: date
    part: str
    file: str
    file_hash: str
    verdict: str
    reason: str | None
    rows_read: int


def create_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing of the ledger, the quarantine and every feed's raw table."""
    warehouse.execute(_TABLES)
    for feed in feeds().values():
        columns = ", ".join(f"{identifier(name)} {data_type}" for name, data_type in feed.raw_columns().items())
        warehouse.execute(f"create table if not exists {identifier('raw', feed.name)} ({columns})")


def current_loads(warehouse: duckdb.DuckDBPyConnection, feed: str | None = None) -> list[Load]:
    """The lines in force, of one feed or of all, by delivery date."""
    rows = warehouse.execute(
        """
        select batch_id, source_system, feed, delivery_date, part, file, file_hash, verdict, reason, rows_read
        from ledger.loads
        where is_current and ($feed is null or feed = $feed)
        order by feed, delivery_date, source_system, part
        """,
        {"feed": feed},
    ).fetchall()
    return [Load(*row) for row in rows]


def known_files(warehouse: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], tuple[int, int, str]]:
    """(feed, system, path) -> (size, modification time in nanoseconds, batch) of every file that was read before."""
    return {tuple(row[:3]): tuple(row[3:]) for row in warehouse.execute("from ledger.files").fetchall()}


def conservation(warehouse: duckdb.DuckDBPyConnection, batches: Iterable[str] | None = None) -> dict[str, int]:
    """The counts of the lines in force (or of `batches`), summed: batches, refused, and each of COUNTS."""
    sums = ", ".join(f"coalesce(sum(rows_{count}), 0)::bigint" for count in COUNTS)
    chosen = None if batches is None else list(batches)
    row = warehouse.execute(
        f"""
        select count(*), count(*) filter (verdict = 'refused'), {sums}
        from ledger.loads
        where is_current and ($batches is null or list_contains($batches::varchar[], batch_id))
        """,
        {"batches": chosen},
    ).fetchone()
    assert row is not None
    return dict(zip(("batches", "refused", *COUNTS), row, strict=True))


def loads_hash(warehouse: duckdb.DuckDBPyConnection) -> str:
    """A hash of which batches are in force and how they were judged: equal hashes, equal raw tables."""
    row = warehouse.execute(
        """
        select coalesce(md5(string_agg(concat_ws('|', batch_id, verdict, rows_loaded), ',' order by batch_id)), '')
        from ledger.loads
        where is_current
        """
    ).fetchone()
    assert row is not None
    return str(row[0])


def published_loads_hash(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """The loads_hash of the last publication, None before the first."""
    row = warehouse.execute("select loads_hash from ledger.publications order by published_at desc limit 1").fetchone()
    return str(row[0]) if row else None


def optional_shortfalls(warehouse: duckdb.DuckDBPyConnection) -> set[tuple[str, str, date, str]]:
    """Feed, system, delivery date and kind of what was missing of the optional feeds at the last run."""
    query = "select feed, source_system, delivery_date, kind from ledger.shortfalls where not is_required"
    return set(warehouse.execute(query).fetchall())
