"""The lines of the load ledger that are in force, and what the pipelines ask of them."""

from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb

from pipelines.ledger import erasures, prunings
from pipelines.ledger.decisions import in_force

COUNTS = ("read", "loaded", "quarantined", "duplicate", "unchanged", "blocked")
"""Conservation: the first is the sum of the others, in every batch; the table itself refuses anything else."""

Slot = tuple[str, str, date, str]
"""Source system, feed, delivery date and part: the place of one delivery."""


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
        f"select batch_id from ({in_force()}) where row_number is null and kind = 'retract'"
    ).fetchall()
    return Known(
        current_loads(warehouse, feed),
        {tuple(row[:3]): tuple(row[3:]) for row in rows},
        frozenset(batch_id for (batch_id,) in retracted),
        erasures.erased_batches(warehouse),
        prunings.closed_before(warehouse),
    )


def conservation(warehouse: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The counts of the lines in force, summed: batches, refused, and each of COUNTS."""
    sums = ", ".join(f"coalesce(sum(rows_{count}), 0)::bigint" for count in COUNTS)
    row = warehouse.execute(
        f"select count(*), count(*) filter (verdict = 'refused'), {sums} from ledger.loads where is_current"
    ).fetchone()
    assert row is not None
    return dict(zip(("batches", "refused", *COUNTS), row, strict=True))


def conservation_line(counts: dict[str, int]) -> str:
    """`read 10 = loaded 8 + quarantined 1 + duplicate 1 + unchanged 0 + blocked 0 rows`."""
    parts = " + ".join(f"{name} {counts[name]:,}" for name in COUNTS[1:])
    sign = "=" if counts["read"] == sum(counts[name] for name in COUNTS[1:]) else "≠"
    return f"read {counts['read']:,} {sign} {parts} rows"
