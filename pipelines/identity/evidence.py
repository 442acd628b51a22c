"""Why records are one customer: a customer's records with the edges between them, and the way from one to another.

Names, birth dates and the like are read here for the steward who asks, and are written nowhere.
"""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from pipelines.connections import has_table
from pipelines.errors import UsageError
from pipelines.identity.clusters import STEWARD
from pipelines.ledger.identity import assignments_in_force, overrides_in_force

_SHORTEST = 6

# A record is called by its system and number, or by the beginning of its key.
_NAME = "source_system || ':' || record_key"

_COMPARED = ("person_key", "full_name", "birth_date", "sex", "email", "region_code", "street", "house_number")


@dataclass(frozen=True)
class Record:
    """One source customer record; `name` is what people call it: system and number."""

    record_id: str
    name: str = ""
    customer_id: str = ""
    rule: str = ""
    first_delivery_date: date | None = None
    full_name: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True)
class Edge:
    """Why two records, given by their names, are one: the rule, its tier, and the weight of what was weighed."""

    one: str
    other: str
    rule: str
    tier: int
    weight: float | None

    @property
    def text(self) -> str:
        """The evidence in words."""
        if self.weight is not None:
            return f"{self.rule}: 2^{self.weight:.1f} times as likely as of two strangers"
        return f"{self.rule} ({('a steward said so', 'trusted key', 'strong combination')[self.tier]})"


@dataclass(frozen=True)
class Event:
    """What changed among known customers, when, and by which edge between which records."""

    event_number: int
    kind: str
    customer_id: str
    other_customer_id: str
    one: str | None
    other: str | None
    rule: str | None
    recorded_at: datetime


def find_record(warehouse: duckdb.DuckDBPyConnection, text: str) -> Record:
    """The record that `text` names: `system:number`, or the beginning of a record's or customer's id.

    Raises UsageError where there is none, or more than one.
    """
    found = _records(
        warehouse,
        f"{_NAME} = $text or (length($text) >= {_SHORTEST} and starts_with(record_id, $text))",
        {"text": text},
    )
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{text}: no record has this name" if not found else f"{text}: {len(found)} records have this name",
        "give it as system:number, such as branch:00001007, or the first characters of its id",
    )


def records_of(warehouse: duckdb.DuckDBPyConnection, customer_id: str) -> list[Record]:
    """The records of one customer, the first delivered first."""
    return _records(warehouse, "customer_id = $customer", {"customer": customer_id})


def edges_of(warehouse: duckdb.DuckDBPyConnection, customer_id: str) -> list[Edge]:
    """The edges between the records of one customer, the surest first."""
    rows = warehouse.execute(
        f"""
        with members as (
            select record_id, {_NAME} as name
            from ({assignments_in_force()}) as assignments
            inner join identity.records using (record_id)
            where customer_id = ?
        ), edges as (
            select record_a, record_b, rule, tier, weight from identity.edges
            union all
            select record_a, record_b, '{STEWARD}', 0, null from ({overrides_in_force("always")})
        )
        select a.name, b.name, rule, tier, weight
        from edges
        inner join members as a on edges.record_a = a.record_id
        inner join members as b on edges.record_b = b.record_id
        order by tier, weight desc, a.name, b.name
        """,
        [customer_id],
    ).fetchall()
    return [Edge(*row) for row in rows]


def golden_record(warehouse: duckdb.DuckDBPyConnection, customer_id: str) -> list[tuple[str, str | None, str, date]]:
    """What stands for the customer now: attribute, value, the record it came from, and since when.

    Empty before the models were built.
    """
    if not has_table(warehouse, "intermediate", "int_customer__golden_attribute"):
        return []
    return warehouse.execute(
        f"""
        select
            attribute_code,
            if(attribute_code = 'area', coalesce(companion_value, attribute_value), attribute_value),
            {_NAME},
            valid_from,
        from intermediate.int_customer__golden_attribute
        inner join identity.records on customer_source_id = record_id
        where customer_id = ? and valid_to is null
        order by attribute_code
        """,
        [customer_id],
    ).fetchall()


def shortest_way(edges: list[Edge], one: Record, other: Record) -> list[Edge]:
    """The fewest edges that lead from one record to the other; empty where none do."""
    ways: dict[str, list[Edge]] = {one.name: []}
    waiting = [one.name]
    for name in waiting:
        for edge in edges:
            if name in (edge.one, edge.other):
                far = edge.other if edge.one == name else edge.one
                if far not in ways:
                    ways[far] = [*ways[name], edge]
                    waiting.append(far)
    return ways.get(other.name, [])


def compared(warehouse: duckdb.DuckDBPyConnection, one: Record, other: Record) -> list[tuple[str, str]]:
    """Attribute -> whether the two records are equal in it, differ, or one of them does not say."""
    verdicts = ", ".join(
        f"case when a.{name} is null or b.{name} is null then 'missing' "
        f"when a.{name} = b.{name} then 'equal' else 'different' end"
        for name in _COMPARED
    )
    row = warehouse.execute(
        f"select {verdicts} from identity.records as a, identity.records as b "
        "where a.record_id = ? and b.record_id = ?",
        [one.record_id, other.record_id],
    ).fetchone()
    phone = warehouse.execute(
        """
        select case
            when count(a.phone) filter (
                a.phone = b.phone
                and coalesce(a.valid_to > b.valid_from, true)
                and coalesce(b.valid_to > a.valid_from, true)
            ) > 0 then 'equal'
            when count(a.phone) filter (a.phone = b.phone) > 0 then 'equal, but not at the same time'
            when count(a.phone) > 0 then 'different'
            else 'missing'
        end
        from identity.phones as a, identity.phones as b
        where a.record_id = ? and b.record_id = ?
        """,
        [one.record_id, other.record_id],
    ).fetchone()
    return [*zip(_COMPARED, row or (), strict=True), ("phone", (phone or ("missing",))[0])]


def kept_apart(warehouse: duckdb.DuckDBPyConnection, one: Record, other: Record) -> str | None:
    """Why an edge between the two records is not followed, or a steward's word against it; None where there is none."""
    row = warehouse.execute(
        """
        select 'a steward said never: ' || reason
        from state.identity_overrides
        where record_a = $a and record_b = $b
        qualify override_number = max(override_number) over () and kind = 'never'
        union all
        select reason from identity.review where record_a = $a and record_b = $b
        limit 1
        """,
        {"a": min(one.record_id, other.record_id), "b": max(one.record_id, other.record_id)},
    ).fetchone()
    return row[0] if row else None


def events(warehouse: duckdb.DuckDBPyConnection, customer_id: str | None = None, last: int = 20) -> list[Event]:
    """The last events of all, or of one customer, the newest first."""
    rows = warehouse.execute(
        f"""
        select event_number, kind, customer_id, other_customer_id, a.name, b.name, rule, recorded_at
        from state.identity_events
        left join (select record_id, {_NAME} as name from identity.records) as a on record_a = a.record_id
        left join (select record_id, {_NAME} as name from identity.records) as b on record_b = b.record_id
        where $customer is null or $customer in (customer_id, other_customer_id)
        order by event_number desc
        limit $last
        """,
        {"customer": customer_id, "last": last},
    ).fetchall()
    return [Event(*row) for row in rows]


def reviews(warehouse: duckdb.DuckDBPyConnection, last: int) -> list[tuple[str, str, str, float | None, str]]:
    """The edges that were not followed and wait for a steward: two records, rule, weight, reason."""
    return warehouse.execute(
        f"""
        select a.name, b.name, rule, weight, reason
        from identity.review
        inner join (select record_id, {_NAME} as name from identity.records) as a on record_a = a.record_id
        inner join (select record_id, {_NAME} as name from identity.records) as b on record_b = b.record_id
        order by weight desc nulls first, a.name, b.name
        limit ?
        """,
        [last],
    ).fetchall()


def _records(warehouse: duckdb.DuckDBPyConnection, condition: str, parameters: dict[str, str]) -> list[Record]:
    rows = warehouse.execute(
        f"""
        select
            record_id, {_NAME} as name, coalesce(customer_id, record_id) as customer_id, rule,
            first_delivery_date, full_name, birth_date,
        from identity.records
        left join ({assignments_in_force()}) as assignments using (record_id)
        where {condition}
        order by first_delivery_date, source_system, record_key
        """,
        parameters,
    ).fetchall()
    return [Record(*row) for row in rows]
