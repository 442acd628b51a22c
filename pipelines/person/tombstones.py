"""Tombstones: what keeps a person who was erased from coming back with an old file.

A tombstone is HMAC-SHA256 (RFC 2104), its first 128 bits, of a key of the person under the home's erasure key: without
that key it leads to no person. It blocks records that are not younger than the erasure; a younger one is a
later relationship, and starts a customer of its own.
"""

import secrets
from collections.abc import Iterator

import duckdb

from pipelines.connections import identifier, literal, reading
from pipelines.contracts import Feed
from pipelines.errors import UsageError
from pipelines.ledger.erasures import is_there
from pipelines.normalisers import create_normalising_macros
from pipelines.person.holdings import customer_column
from pipelines.person.person import REGISTER, Person
from pipelines.person.records import PERSON_KEY, RECORD_ID, surrogate_key
from pipelines.person.spellings import folded
from pipelines.settings import Settings, erasure_key
from pipelines.sources.configuration import Company
from pipelines.sources.keyed_hash import padded_keys

_KEY_BYTES = 32

_MACROS = """
create or replace temp macro tombstone_hash(value, inner_key, outer_key) as
    left(sha256(outer_key || unhex(sha256(inner_key || encode(value)))), 32);
"""

# The key is known again by the hash of nothing.
_OF_KEY = "key"


def make_key(settings: Settings) -> bool:
    """Make the home's erasure key where there is none, mode 0600; tells whether it did."""
    if erasure_key(settings):
        return False
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.erasure_key_file.touch(mode=0o600)
    settings.erasure_key_file.write_text(secrets.token_hex(_KEY_BYTES) + "\n", encoding="utf-8")
    return True


def require_key(settings: Settings, hashes_of_key: set[str]) -> tuple[bytes, bytes]:
    """The inner and the outer key of HMAC. `hashes_of_key` are the tombstones of kind key that there are.

    Raises UsageError where there is no key, or another one than tombstones were made with.
    """
    key = erasure_key(settings)
    where = f"put the key back: {settings.erasure_key_file}, or CRMDW_ERASURE_KEY"
    if key is None:
        raise UsageError(
            "persons were erased in this home, and its erasure key is gone: an old file would bring them back", where
        )
    keys = padded_keys(key)
    if hashes_of_key and hashes_of_key != {_hash_of_key(keys)}:
        raise UsageError("the erasure key is not the one under which persons were erased in this home", where)
    return keys


def check_key(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Raise UsageError where persons were erased in this home, and it has not the key that their tombstones need."""
    if is_there(warehouse) and (hashes := _hashes_of_key(warehouse, "state.tombstones")):
        require_key(settings, hashes)


def _hash_of_key(keys: tuple[bytes, bytes]) -> str:
    with duckdb.connect() as connection:
        connection.execute(_MACROS)
        row = connection.execute("select tombstone_hash('', ?::blob, ?::blob)", list(keys)).fetchone()
    assert row is not None
    return str(row[0])


def tombstones_of(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, person: Person, shared_phones: frozenset[str]
) -> list[tuple[str, str]]:
    """(kind, hash) of all keys by which records of the person could come back, and of the erasure key itself.

    `shared_phones` are others' too, and block nobody.
    """
    inner_key, outer_key = require_key(settings, _hashes_of_key(warehouse, "state.tombstones"))
    create_normalising_macros(warehouse)
    warehouse.execute(_MACROS)
    told = [
        "select 'record' as kind, unnest($record_ids) as text",
        *(f"select {literal(kind)}, {text} from theirs" for kind, text in _ties_of_register()),
        "select 'phone', plain_phone(phone) from theirs where plain_phone(phone) not in (select unnest($shared))",
        f"select 'named', {folded('customer_name')} || '|' || {folded('address')} from theirs",
        "select 'key', ''",
    ]
    rows = warehouse.execute(
        # Materialized, so that nothing is worked out of everybody's rows before the few are chosen.
        f"""
        with theirs as materialized (
            select * from raw.{REGISTER} where {RECORD_ID} in (select unnest($record_ids))
        )
        select distinct
            kind,
            tombstone_hash(if(kind = 'key', '', kind || ':' || text), $inner_key::blob, $outer_key::blob),
        from ({" union all ".join(told)})
        where text is not null
        order by all
        """,
        {
            "record_ids": person.record_ids,
            "shared": sorted(shared_phones) or [""],
            "inner_key": inner_key,
            "outer_key": outer_key,
        },
    ).fetchall()
    return [(kind, found) for kind, found in rows]


def _ties_of_register() -> Iterator[tuple[str, str]]:
    """Kind and SQL of what identifies a record of the register, beside its own number."""
    yield "person_key", PERSON_KEY
    yield "site_key", "source_system || ':' || nullif(trim(site_key), '')"


def _ties(feed: Feed) -> Iterator[tuple[str, str]]:
    """Kind and SQL, over mapped rows, of all by which a row of the feed belongs to a person; null where it does not.

    Telephone number, name and address count where they are the only tie.
    """
    customer, belonging = customer_column(feed), feed.person
    if feed.name == REGISTER:
        yield "record", RECORD_ID
        yield from _ties_of_register()
        return
    names_nobody = "true"
    if customer:
        companion = feed.columns_by_name[customer].companion or "source_system"
        yield "record", f"case when {customer} is not null then {surrogate_key(companion, customer)} end"
        names_nobody = f"{customer} is null"
    if belonging.phone:
        yield "phone", f"case when {names_nobody} then plain_phone({belonging.phone}) end"
    if belonging.named:
        both = " || '|' || ".join(folded(column) for _, column in sorted(belonging.named.items(), reverse=True))
        yield "named", f"case when {names_nobody} then {both} end"


def copy_tombstones(gate: duckdb.DuckDBPyConnection, settings: Settings) -> bool:
    """Create `tombstones` (kind, hash, erased_date) and an empty `blocked` (batch_id, row_number) for the gate.

    Tells whether there are any tombstones. Raises UsageError where there are, and their key is missing.
    """
    gate.execute("create or replace table blocked (batch_id varchar, row_number bigint)")
    gate.execute("create or replace table tombstones (kind varchar, hash varchar, erased_date date)")
    with reading(gate, settings):
        if is_there(gate):
            gate.execute(
                "insert into tombstones "
                "select kind, hash, max(erased_date) from warehouse.state.tombstones group by all"
            )
    if not gate.execute("from tombstones limit 1").fetchone():
        return False
    require_key(settings, _hashes_of_key(gate, "tombstones"))
    create_normalising_macros(gate)
    gate.execute(_MACROS)
    return True


def _hashes_of_key(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    rows = connection.execute(f"select distinct hash from {table} where kind = '{_OF_KEY}'").fetchall()
    return {found for (found,) in rows}


def block_erased(
    gate: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed, batches: list[str], company: Company
) -> int:
    """Move the rows of erased persons from `mapped_rows` of these batches to `blocked`; how many they were.

    Needs what copy_tombstones created. Each key is hashed once, however many rows have it.
    """
    inner_key, outer_key = require_key(settings, set())
    before = _count(gate)
    mapped_rows = "mapped_rows where list_contains($batches::varchar[], batch_id) and unparsed is null"
    for kind, text in _ties(feed):
        gate.execute(
            f"""
            create or replace temp table told as
            select texts.text, tombstones.erased_date
            from (select distinct {text} as text from {mapped_rows}) as texts
            inner join tombstones
                on tombstones.kind = $kind
                and tombstones.hash = tombstone_hash($kind || ':' || texts.text, $inner_key::blob, $outer_key::blob)
            """,
            {"batches": batches, "kind": kind, "inner_key": inner_key, "outer_key": outer_key},
        )
        if gate.execute("from told limit 1").fetchone():
            gate.execute(
                f"""
                insert into blocked
                select rows.batch_id, rows.row_number
                from (
                    select batch_id, row_number, {text} as text, {_day(feed, company)} as day from {mapped_rows}
                ) as rows
                inner join told on rows.text = told.text and rows.day <= told.erased_date
                anti join blocked on rows.batch_id = blocked.batch_id and rows.row_number = blocked.row_number
                """,
                {"batches": batches},
            )
    drop_blocked(gate)
    return _count(gate) - before


def drop_blocked(gate: duckdb.DuckDBPyConnection) -> None:
    """Take what is blocked out of `mapped_rows`."""
    gate.execute(
        "delete from mapped_rows using blocked "
        "where mapped_rows.batch_id = blocked.batch_id and mapped_rows.row_number = blocked.row_number"
    )


def _count(gate: duckdb.DuckDBPyConnection) -> int:
    row = gate.execute("select count(*) from blocked").fetchone()
    assert row is not None
    return int(row[0])


def _day(feed: Feed, company: Company) -> str:
    """The SQL of a record's own day, in the company's zone; without one the day of its delivery."""
    if not feed.person.dated:
        return "delivery_date"
    column = identifier(feed.person.dated)
    if feed.columns_by_name[feed.person.dated].data_type == "timestamp":
        column = f"timezone({literal(company.time_zone)}, timezone('UTC', {column}))::date"
    return f"coalesce({column}, delivery_date)"


def name_returned(work: duckdb.DuckDBPyConnection, settings: Settings, records: str) -> None:
    """Create `returned` (record_id, customer_id) of the records in the table `records` whose own id was erased.

    A record that comes back with the same number is a customer of its own. Needs the warehouse attached.
    """
    work.execute("create or replace table work.returned (record_id varchar, customer_id varchar)")
    if not is_there(work) or not work.execute("from warehouse.state.tombstones limit 1").fetchone():
        return
    inner_key, outer_key = require_key(settings, _hashes_of_key(work, "warehouse.state.tombstones"))
    work.execute(_MACROS)
    work.execute(
        f"""
        insert into work.returned
        select record_id, md5(max(erasure_number) || ':' || any_value(hash))
        from (select distinct record_id from {records}) as records
        inner join warehouse.state.tombstones as tombstones
            on tombstones.kind = 'record'
            and tombstones.hash = tombstone_hash('record:' || record_id, $inner_key::blob, $outer_key::blob)
        group by record_id
        """,
        {"inner_key": inner_key, "outer_key": outer_key},
    )
