"""A hash of all that the marts are made of, which tells whether there is anything to build."""

import hashlib
from collections.abc import Iterable
from datetime import date

import duckdb

from pipelines.ledger import erasures, identity, prunings


def basis_hash(
    warehouse: duckdb.DuckDBPyConnection, company: tuple[str, str], shortfalls: Iterable[tuple[str, str, date, str]]
) -> str:
    """A hash of all that the marts are made of: equal hashes, nothing to build.

    `company` is (time zone, currency); `shortfalls` are the optional ones as (feed, system, delivery date, kind).
    """
    lines = "select load_number, is_stale from ledger.loads where is_current order by all"
    numbers = warehouse.execute(lines).fetchall()
    closed = sorted(prunings.closed_before(warehouse).items())
    known = (*identity.decided(warehouse), *erasures.erased(warehouse), *closed)
    decided = (numbers, company, sorted(shortfalls), *known)
    return hashlib.md5(repr(decided).encode()).hexdigest()


def known_basis_hash(warehouse: duckdb.DuckDBPyConnection) -> str:
    """The basis hash by the shortfalls and the company as the last run wrote them down."""
    company = warehouse.execute("select time_zone, currency from ledger.company").fetchone()
    shortfalls = warehouse.execute(
        "select feed, source_system, delivery_date, kind from ledger.shortfalls where not is_required"
    ).fetchall()
    return basis_hash(warehouse, company or ("", ""), shortfalls)


def published_basis_hash(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """The basis hash of the last publication, None before the first."""
    row = warehouse.execute("select state_hash from ledger.publications order by published_at desc limit 1").fetchone()
    return str(row[0]) if row else None
