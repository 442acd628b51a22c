"""Quarantine as a work list: what is held back, why, since when, how much revenue hangs on it, and each row by name.

A row's name is the beginning of its batch and its row number, such as `7f3a12cd:17`. What becomes of rows is decided in
`pipelines/repair/decided.py`; their records are personal data, which goes to the caller and into no log.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import duckdb

from pipelines.errors import UsageError
from pipelines.ledger.decisions import in_force

_NAME_CHARACTERS = 8

_SUMMARY = f"""
with held as (
    select
        held.*,
        loads.delivery_date,
        loads.file,
        coalesce(held.held_currency, company.currency) as currency,
    from quarantine.rows as held
    inner join ledger.loads as loads on held.batch_id = loads.batch_id and loads.is_current
    left join (select any_value(currency) as currency from ledger.company) as company on true
    where ($feed is null or held.feed = $feed) and ($all or held.status = 'open')
), amounts as (
    select feed, reasons, status, list((amount, currency) order by amount desc) as held_amounts
    from (
        select feed, reasons, status, currency, sum(held_amount) as amount
        from held
        where held_amount is not null
        group by all
    )
    group by all
)
select
    held.feed,
    held.reasons,
    held.status,
    count(*) as rows,
    min(held.delivery_date) as first_date,
    max(held.delivery_date) as last_date,
    coalesce(any_value(amounts.held_amounts), []) as held_amounts,
    arg_min(held.file, (held.delivery_date, held.row_number)) as file,
    arg_min(held.row_number, (held.delivery_date, held.row_number)) as row_number,
    arg_min(left(held.batch_id, {_NAME_CHARACTERS}), (held.delivery_date, held.row_number)) as batch,
from held
left join amounts using (feed, reasons, status)
group by held.feed, held.reasons, held.status
order by held.feed, rows desc, held.reasons, held.status
"""


@dataclass(frozen=True)
class Summary:
    """Rows of one feed that are held back for the same reasons: how many, of which dates, and the first of them.

    `held_amounts` is the revenue that hangs on them, as (amount, currency), as far as it is known.
    """

    feed: str
    reasons: str
    status: str
    rows: int
    first_date: date
    last_date: date
    held_amounts: list[tuple[Decimal, str]]
    file: str
    row_number: int
    batch: str

    @property
    def name(self) -> str:
        return f"{self.batch}:{self.row_number}"


@dataclass(frozen=True)
class HeldRow:
    """One row in quarantine. `record` is what came, and personal data."""

    feed: str
    batch_id: str
    row_number: int
    status: str
    reasons: str
    record: str | None
    file: str
    delivery_date: date
    fault: str | None

    @property
    def name(self) -> str:
        return row_name(self.batch_id, self.row_number)


def row_name(batch_id: str, row_number: int) -> str:
    """How a row is called on a terminal."""
    return f"{batch_id[:_NAME_CHARACTERS]}:{row_number}"


def summaries(warehouse: duckdb.DuckDBPyConnection, feed: str | None, is_all: bool) -> list[Summary]:
    """What is open, or with `is_all` also what was decided, by feed and reasons."""
    return [Summary(*row) for row in warehouse.execute(_SUMMARY, {"feed": feed, "all": is_all}).fetchall()]


def held_rows(warehouse: duckdb.DuckDBPyConnection, condition: str, parameters: Sequence[object]) -> list[HeldRow]:
    """The rows in quarantine that fulfil the SQL `condition`, over `held` and `loads`."""
    rows = warehouse.execute(
        f"""
        select
            held.feed, held.batch_id, held.row_number, held.status, held.reasons, held.record, loads.file,
            loads.delivery_date, loads.fault
        from quarantine.rows as held
        inner join ledger.loads as loads on held.batch_id = loads.batch_id and loads.is_current
        where {condition}
        order by held.feed, loads.delivery_date, held.batch_id, held.row_number
        """,
        list(parameters),
    ).fetchall()
    return [HeldRow(*row) for row in rows]


def find_row(warehouse: duckdb.DuckDBPyConnection, name: str) -> HeldRow:
    """The row in quarantine that is called `name`.

    Raises UsageError where there is none, or several batches begin alike.
    """
    parts = re.fullmatch("([0-9a-f]{4,16}):([0-9]+)", name.strip())
    if not parts:
        raise UsageError(
            f"{name}: that is no row", "give one as `crmdw quarantine list` writes it, such as 7f3a12cd:17"
        )
    found = held_rows(warehouse, "starts_with(held.batch_id, ?) and held.row_number = ?", [parts[1], int(parts[2])])
    if len(found) != 1:
        what = "no such row is in quarantine" if not found else "several batches begin like that"
        raise UsageError(f"{name}: {what}", "give more of its batch, or see `crmdw quarantine list --all`")
    return found[0]


def decisions_of(warehouse: duckdb.DuckDBPyConnection, row: HeldRow) -> list[tuple[int, str, str, datetime, str, str]]:
    """What was decided about a row, oldest first: number, kind, by whom, when (UTC), reason, content."""
    return warehouse.execute(
        "select decision_number, kind, decided_by, decided_at, reason, coalesce(content, '') from state.decisions "
        "where batch_id = ? and row_number = ? order by decision_number",
        [row.batch_id, row.row_number],
    ).fetchall()


def fixed_values(warehouse: duckdb.DuckDBPyConnection, batches: list[str]) -> duckdb.DuckDBPyRelation:
    """The values that fixed rows of `batches` have now: batch_id, row_number, content."""
    return warehouse.sql(
        f"select batch_id, row_number, content from ({in_force()}) "
        "where kind = 'fix' and list_contains(?::varchar[], batch_id)",
        params=[batches],
    )
