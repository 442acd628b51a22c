"""One customer as a person: the source records that are theirs, and the personal values that these have ever had.

Which rows of which feed belong to the person is `holdings.py`; where the values lie is `search.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

from pipelines.connections import literal
from pipelines.errors import UsageError
from pipelines.ledger.identity import assignments_in_force
from pipelines.normalisers import create_normalising_macros
from pipelines.person.records import RECORD_ID, surrogate_key

REGISTER = "branch__customers"
"""The feed whose records identity resolves."""

_SHORTEST = 6

_VALUES = {
    "name": ("customer_name", "plain_name(customer_name)"),
    "phone": ("phone", "plain_phone(phone)"),
    "email": ("email", "plain_email(email)"),
    "address": ("address", "plain_letters(address)"),
    "birth_date": ("birth_date::varchar",),
    "person_key": ("person_key",),
    "site_key": ("site_key",),
}
"""Kind of value -> the SQL of what a record of the register says of it: as written, and normalised."""

KINDS = (*_VALUES, "record_id")


@dataclass(frozen=True)
class SourceRecord:
    """One record of the register that is, or was, the person's. Of one whose deliveries were withdrawn, or are pruned,
    nothing but its id is known: then system and key are None.
    """

    record_id: str
    source_system: str | None
    customer_key: str | None


@dataclass(frozen=True)
class Person:
    """A customer, by the identity ledger as it stands.

    `former_ids` are the customers that were merged into this one. `values` maps each of KINDS to what is known, as
    written and normalised. Hashes of keys (`record_id`) are personal too: they stand for a person in published files.
    """

    customer_id: str
    records: tuple[SourceRecord, ...]
    former_ids: tuple[str, ...] = ()
    values: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def record_ids(self) -> list[str]:
        """The keys of all records, sorted."""
        return sorted(record.record_id for record in self.records)


def find_person(warehouse: duckdb.DuckDBPyConnection, text: str) -> Person:
    """The person that `text` names: `system:number`, or the beginning of a customer's or record's id.

    An id of a customer that was merged into another leads to that one. Raises UsageError where no customer has
    this name, or several have it.
    """
    (person,) = find_persons(warehouse, [text])
    return person


def find_persons(warehouse: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> list[Person]:
    """The persons that `texts` name, as `find_person` reads them, each once."""
    create_normalising_macros(warehouse)
    # What all of them are sought in, made once.
    warehouse.execute(f"create or replace temp table assigned as {assignments_in_force()}")
    warehouse.execute(
        f"create or replace temp table registered as select {RECORD_ID} as record_id, * from raw.{REGISTER}"
    )
    customer_ids = dict.fromkeys(_customer_id(warehouse, text.strip()) for text in texts)
    persons = [_person(warehouse, customer_id) for customer_id in customer_ids]
    warehouse.execute("drop table assigned")
    warehouse.execute("drop table registered")
    return persons


def _person(warehouse: duckdb.DuckDBPyConnection, customer_id: str) -> Person:
    record_ids = [customer_id] + [
        record_id
        for (record_id,) in warehouse.execute(
            "select record_id from assigned where customer_id = ? order by all", [customer_id]
        ).fetchall()
    ]
    if _assigned(warehouse, customer_id) not in (None, customer_id):
        record_ids.remove(customer_id)  # the founding record went to somebody else, and the id stayed
    known = dict.fromkeys(record_ids, (None, None)) | {
        record_id: (system, key)
        for record_id, system, key in warehouse.execute(
            "select distinct record_id, source_system, customer_key from registered "
            "where record_id in (select unnest($ids))",
            {"ids": record_ids},
        ).fetchall()
    }
    return Person(
        customer_id,
        tuple(SourceRecord(record_id, *name) for record_id, name in known.items()),
        _former_ids(warehouse, customer_id),
        _values(warehouse, list(known)) | {"record_id": frozenset({customer_id, *known})},
    )


def shared_values(
    warehouse: duckdb.DuckDBPyConnection, person: Person, kinds: Iterable[str] = tuple(_VALUES)
) -> dict[str, frozenset[str]]:
    """Kind -> the person's values that a record of somebody else has too: a common name, a household's telephone.

    A shared value that is found somewhere does not say that this person is meant.
    """
    create_normalising_macros(warehouse)
    known = {kind: sorted(person.values[kind]) for kind in kinds}
    texts = {f"{kind}_{place}": (kind, text) for kind in known for place, text in enumerate(_VALUES[kind])}
    rows = warehouse.execute(
        # A hash says to which record a row belongs. It is worked out for the few rows that have a value in common.
        f"""
        with alike as materialized (
            select *
            from (
                select source_system, customer_key, {
            ", ".join(f"{text} as {name}" for name, (_, text) in texts.items())
        }
                from raw.{REGISTER}
            )
            where {" or ".join(f"{name} in ${kind}" for name, (kind, _) in texts.items())}
        ), others as materialized (
            select * from alike where {RECORD_ID} not in (select unnest($record_ids))
        )
        {
            " union ".join(
                f"select {literal(kind)}, {name} from others where {name} in ${kind}"
                for name, (kind, _) in texts.items()
            )
        }
        """,
        known | {"record_ids": person.record_ids},
    ).fetchall()
    return {kind: frozenset(value for of, value in rows if of == kind) for kind in known}


def _customer_id(warehouse: duckdb.DuckDBPyConnection, text: str) -> str:
    """The customer that `text` leads to."""
    if found := re.fullmatch("([a-z][a-z0-9_]*):(.+)", text):
        names = {"system": found[1], "key": found[2]}
        (beginning,) = warehouse.execute(f"select {surrogate_key('$system', '$key')}", names).fetchone() or ("",)
    elif len(text) < _SHORTEST or not re.fullmatch("[0-9a-f]+", text):
        raise _nobody(text)
    else:
        beginning = text
    # A customer may live on under the id of a record that is somebody else's by now.
    rows = warehouse.execute(
        """
        with known as (
            select customer_id as id, customer_id, 1 as precedence from assigned where $is_id
            union all
            select record_id, customer_id, 2 from assigned
            union all
            select record_id, record_id, 2
            from registered
            where starts_with(record_id, $beginning) and record_id not in (select record_id from assigned)
        )
        select distinct customer_id
        from (select * from known where starts_with(id, $beginning) qualify precedence = min(precedence) over ())
        """,
        {"beginning": beginning, "is_id": beginning == text},
    ).fetchall()
    if len(rows) == 1:
        return str(rows[0][0])
    raise _nobody(text, len(rows))


def _nobody(text: str, found: int = 0) -> UsageError:
    return UsageError(
        f"{text}: {f'{found} customers have' if found else 'no customer has'} this name",
        "give a customer as system:number, such as branch:00001007, or the first characters of its id, at least "
        f"{_SHORTEST}",
    )


def _assigned(warehouse: duckdb.DuckDBPyConnection, record_id: str) -> str | None:
    row = warehouse.execute("select customer_id from assigned where record_id = ?", [record_id]).fetchone()
    return str(row[0]) if row else None


def _former_ids(warehouse: duckdb.DuckDBPyConnection, customer_id: str) -> tuple[str, ...]:
    """The customers that were merged into this one, or into one of these, and are nobody's id today."""
    rows = warehouse.execute(
        """
        with recursive merged as (
            select other_customer_id from state.identity_events where kind = 'merge' and customer_id = $id
            union
            select events.other_customer_id
            from state.identity_events as events
            inner join merged on events.customer_id = merged.other_customer_id and events.kind = 'merge'
        )
        select other_customer_id
        from merged
        where other_customer_id not in (select customer_id from assigned)
        order by all
        """,
        {"id": customer_id},
    ).fetchall()
    return tuple(former for (former,) in rows)


def _values(warehouse: duckdb.DuckDBPyConnection, record_ids: list[str]) -> dict[str, frozenset[str]]:
    """Kind -> the values of all versions of these records that are in raw."""
    lists = ", ".join(
        f"list_distinct(flatten(list([{', '.join(expressions)}]))) as {kind}" for kind, expressions in _VALUES.items()
    )
    row = warehouse.execute(
        f"select {lists} from registered where record_id in (select unnest($ids))", {"ids": record_ids}
    ).fetchone()
    return {
        kind: frozenset(value.strip() for value in values or [] if value and value.strip())
        for kind, values in zip(_VALUES, row or (), strict=True)
    }
