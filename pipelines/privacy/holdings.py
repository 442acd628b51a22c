"""Which rows of which feed belong to a person, as the contracts tell it: in raw, in quarantine, and in the archive.

A row that names a customer belongs to that customer alone. A row that names none belongs to whom its telephone number,
name and address, or the row that it refers to, lead. A record that could not be split into columns belongs to whom its
text names.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from pipelines.archive import archived_files, archived_rows
from pipelines.connections import identifier, literal
from pipelines.contracts import Feed, feeds
from pipelines.identity.records import surrogate_key
from pipelines.manifest import read_manifests
from pipelines.privacy.person import REGISTER, Person
from pipelines.privacy.spellings import (
    folded,
    folded_value,
    loose,
    loose_values,
    patterns,
    phone_digits,
    together,
)
from pipelines.settings import Settings
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.deliveries import source_of
from pipelines.sources.mapping import landed_value
from pipelines.sources.parquet_landing import parquet_schema

PERSON_ROWS = "person_rows (feed varchar, batch_id varchar, row_number bigint, way varchar, is_raw boolean)"
"""What `collect_rows` creates. `way` is by what the row belongs to the person: customer, phone, named, text, or the key
through which it refers to another row of theirs. `is_raw` says whether it is in raw as well as in the archive."""

# By one of these a text tells whom it is about.
_TELLING = ("phone", "email", "address", "person_key", "site_key")


@dataclass(frozen=True)
class Predicate:
    """A condition in SQL, never null, with its named parameters."""

    sql: str
    parameters: dict[str, list[str]]


@dataclass
class Holdings:
    """What tells a person's rows.

    `own_names` are the names that nobody else has. `linked` maps (feed, key) to the surrogate keys that the person's
    rows of that feed have in it.
    """

    person: Person
    own_names: frozenset[str] = frozenset()
    linked: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def in_raw(self, feed: Feed, alias: str = "") -> Predicate:
        """Of the rows of the feed's raw table, or of mapped candidates, under the name `alias`."""
        return _any(self.ways_in_raw(feed, alias).values())

    def in_archive(self, source: Source, landed_types: dict[str, str]) -> Predicate:
        """Of archived rows of the source, under the name `landing`, of which `landed_types` has columns and types."""
        return _any(self.ways_in_archive(source, landed_types).values())

    def in_text(self, text: str) -> Predicate:
        """Of a text, such as a record in quarantine: whether the SQL expression `text` names the person.

        It does by telephone number, e-mail or street address, by a trusted key, by a customer number of at least
        SHORTEST_KEY characters, by a name that nobody else has, or by a name beside the date of birth.
        """
        values = self.person.values
        told = {kind: values.get(kind, frozenset()) for kind in (*_TELLING, "name")} | {
            "customer_key": frozenset(record.customer_key for record in self.person.records if record.customer_key),
            "own_name": self.own_names,
        }
        found = patterns(told | {"birth_date": values.get("birth_date", frozenset())})
        # Few texts get past a look for plain strings, and what is spelt in many ways is asked of these alone.
        plain = list(together(map(re.escape, loose_values(told))))
        may_tell = " or ".join(f"regexp_matches({loose(text)}, $plain[{place + 1}])" for place in range(len(plain)))
        text = f"nfc_normalize({text})"
        conditions = [
            f"regexp_matches({text}, $told_{kind}[1])" for kind in found if kind not in ("birth_date", "name")
        ]
        given = {f"told_{kind}": [expression] for kind, expression in found.items()}
        if "birth_date" in found and "name" in found:
            both = " and ".join(f"regexp_matches({text}, $told_{kind}[1])" for kind in ("name", "birth_date"))
            conditions.append(f"({both})")
        else:
            given = {name: one for name, one in given.items() if name not in ("told_birth_date", "told_name")}
        if not (plain and conditions):
            return Predicate("false", {})
        sql = f"case when {may_tell} then coalesce({' or '.join(conditions)}, false) else false end"
        return Predicate(sql, given | {"plain": plain})

    def ways_in_raw(self, feed: Feed, alias: str = "") -> dict[str, Predicate]:
        """The parts of `in_raw`, by way as PERSON_ROWS says it."""
        prefix = f"{identifier(alias)}." if alias else ""
        return self._ways(feed, lambda name: prefix + identifier(name), f"{prefix}source_system")

    def ways_in_archive(self, source: Source, landed_types: dict[str, str]) -> dict[str, Predicate]:
        """The parts of `in_archive`, by way as PERSON_ROWS says it."""
        ways = self._ways(
            source.contract, lambda name: landed_value(source, name, landed_types), literal(source.source_system)
        )
        if source.contract.person.nobody:
            return {}
        if "_unparsed" not in landed_types:
            return ways
        told = self.in_text("coalesce(landing._record, to_json(landing)::varchar)")
        split = {
            way: Predicate(f"(landing._unparsed is null and {one.sql})", one.parameters) for way, one in ways.items()
        }
        return split | {"text": Predicate(f"(landing._unparsed is not null and {told.sql})", told.parameters)}

    def _ways(self, feed: Feed, value: Callable[[str], str], system: str) -> dict[str, Predicate]:
        belonging, customer, values = feed.person, customer_column(feed), self.person.values
        ways = {}
        if customer:
            is_theirs = f"{value(customer)} is not null and {_key(feed, customer, value, system)} in $record_ids"
            given = {"record_ids": self.person.record_ids}
            numbers = {record.customer_key for record in self.person.records}
            if None not in numbers:
                # Keys are hashes, which need not be worked out where another number stands.
                is_theirs = f"{value(customer)} in $customer_keys and {is_theirs}"
                given["customer_keys"] = sorted(filter(None, numbers))
            ways["customer"] = (is_theirs, given)
        names_nobody = f"{value(customer)} is null and " if customer else ""
        if belonging.phone:
            digits = f"regexp_replace({value(belonging.phone)}, '[^0-9]', '', 'g')"
            ways["phone"] = (
                f"{names_nobody}{digits} in $phones",
                {"phones": phone_digits(values.get("phone", ()))},
            )
        if belonging.named:
            both = [f"{folded(value(column))} in ${kind}_values" for kind, column in belonging.named.items()]
            given = {f"{kind}_values": sorted(map(folded_value, values.get(kind, ()))) for kind in belonging.named}
            ways["named"] = (names_nobody + " and ".join(both), given)
        for name, target in belonging.through.items():
            ways[name] = (
                f"{names_nobody}{value(name)} is not null and {_key(feed, name, value, system)} in $linked_{name}",
                {f"linked_{name}": sorted(self.linked.get((target, name), ()))},
            )
        return {way: Predicate(f"coalesce({sql}, false)", given) for way, (sql, given) in ways.items()}


def _any(ways: Iterable[Predicate]) -> Predicate:
    """Whether one of `ways` holds."""
    parts = list(ways)
    given = {name: value for one in parts for name, value in one.parameters.items()}
    return Predicate(f"({' or '.join(one.sql for one in parts) or 'false'})", given)


def customer_column(feed: Feed) -> str | None:
    """The column by which a row of the feed names a customer; None where it has none."""
    return feed.person.customer or next((column.name for column in feed.columns if column.references == REGISTER), None)


def find_holdings(
    warehouse: duckdb.DuckDBPyConnection,
    settings: Settings,
    sources_file: SourcesFile,
    person: Person,
    shared_names: frozenset[str],
) -> Holdings:
    """What tells the person's rows, after all of raw, quarantine and archive were looked through once.

    `shared_names` are those of the person's that others have too (`person.shared_values`). Creates the temporary table
    PERSON_ROWS in `warehouse` with every row that belongs to the person, retracted and superseded deliveries included.
    Of an archived batch whose entry the sources file no longer has, nothing is read.
    """
    holdings = Holdings(person, person.values.get("name", frozenset()) - shared_names)
    warehouse.execute(f"create or replace temp table {PERSON_ROWS}")
    for feed in _in_order():
        if feed.person.nobody:
            continue
        keys = {
            key for other in feeds().values() for key, target in other.person.through.items() if target == feed.name
        }
        in_raw = {key: _key(feed, key, identifier, "source_system") for key in keys}
        raw = identifier("raw", feed.name)
        found = [_collect(warehouse, feed, f"from {raw}", holdings.ways_in_raw(feed), in_raw, True)]
        told = holdings.in_text("record")
        warehouse.execute(
            "create or replace temp table held_texts as select batch_id, row_number from quarantine.rows "
            f"where feed = $feed and {told.sql}",
            {"feed": feed.name, **told.parameters},
        )
        known = _wholly_in_raw(warehouse, feed)
        warehouse.execute(
            "insert into person_rows select feed, batch_id, row_number, way, false from person_rows "
            "where feed = $feed and list_contains($known::varchar[], batch_id)",
            {"feed": feed.name, "known": sorted(known)},
        )
        known |= _without_theirs(warehouse, settings, sources_file, feed, holdings)
        for source, files in archived_by_source(settings, sources_file, feed, but=known):
            found.append(_collect_archived(warehouse, source, files, holdings, keys))
        for key in keys:
            holdings.linked[feed.name, key] = frozenset().union(*(linked.get(key, ()) for linked in found))
    return holdings


def _wholly_in_raw(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> frozenset[str]:
    """The batches of the feed of which raw has every row as it came, so that their archive would tell nothing more."""
    rows = warehouse.execute(
        f"""
        select batch_id
        from (select batch_id, count(*) as rows_in_raw from {identifier("raw", feed.name)} group by batch_id)
        inner join ledger.loads using (batch_id)
        where is_current and rows_in_raw = rows_read and rows_fixed = 0
        """
    ).fetchall()
    return frozenset(batch_id for (batch_id,) in rows)


def _without_theirs(
    warehouse: duckdb.DuckDBPyConnection,
    settings: Settings,
    sources_file: SourcesFile,
    feed: Feed,
    holdings: Holdings,
) -> frozenset[str]:
    """The batches of which raw and quarantine have every row as it came, duplicates aside, and none is the person's.

    Of the archive's rows only those in quarantine have to be looked at for that.
    """
    warehouse.execute(
        f"""
        create or replace temp table quarantined as
        select batch_id, row_number from quarantine.rows where feed = {literal(feed.name)};
        create or replace temp table accounted as
        with raw as (
            select batch_id, count(*) as rows_in_raw from {identifier("raw", feed.name)} group by batch_id
        ), held as (
            select batch_id, count(*) as rows_held from quarantined group by batch_id
        )
        select loads.batch_id
        from ledger.loads as loads
        left join raw using (batch_id)
        left join held using (batch_id)
        where
            loads.feed = {literal(feed.name)}
            and loads.is_current
            and loads.rows_loaded = coalesce(raw.rows_in_raw, 0)
            and loads.rows_quarantined = coalesce(held.rows_held, 0)
            and loads.rows_unchanged + loads.rows_blocked + loads.rows_fixed = 0
            and loads.batch_id not in (
                select batch_id from person_rows where feed = {literal(feed.name)}
                union all
                select batch_id from held_texts
            )
        """
    )
    accounted = frozenset(batch_id for (batch_id,) in warehouse.execute("from accounted").fetchall())
    theirs: set[str] = set()
    for source, files in archived_by_source(settings, sources_file, feed, only=accounted):
        archived, landed_types = _archived(warehouse, source, files)
        told = holdings.in_archive(source, landed_types)
        theirs.update(
            batch_id
            for (batch_id,) in warehouse.execute(
                # Materialized, because the costly condition would be asked of all rows first.
                f"with held as materialized (from ({archived.sql_query()}) semi join quarantined "
                f"using (batch_id, row_number)) select distinct batch_id from held as landing where {told.sql}",
                told.parameters,
            ).fetchall()
        )
    return accounted - theirs


def archived_by_source(
    settings: Settings,
    sources_file: SourcesFile,
    feed: Feed,
    but: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Iterator[tuple[Source, list[str]]]:
    """The archived Parquet files of a feed with the source by whose entry they are read, those of a schema together.

    The batches in `but` are left out; where `only` is given, so are all that are not in it.
    """
    alike: dict[tuple[int, str], tuple[Source, list[str]]] = {}
    for manifest in read_manifests(settings, feed.name):
        source = source_of(sources_file, manifest.feed, manifest.source_system, Path(manifest.file))
        if source is None or manifest.batch_id in but or (only is not None and manifest.batch_id not in only):
            continue
        for file in archived_files(settings, feed.name, [manifest.batch_id]):
            schema = "" if source.format in ("csv", "fixed_width") else parquet_schema(Path(file))
            # By identity: sources hold dictionaries and cannot be hashed.
            alike.setdefault((id(source), schema), (source, []))[1].append(file)
    yield from alike.values()


def _in_order() -> list[Feed]:
    """The feeds, each after those through which its rows belong to a person."""
    order = TopologicalSorter({name: set(feed.person.through.values()) for name, feed in feeds().items()})
    return [feeds()[name] for name in order.static_order()]


def _key(feed: Feed, name: str, value: Callable[[str], str], system: str) -> str:
    """The SQL of the surrogate key that the column `name` of the feed holds."""
    companion = feed.columns_by_name[name].companion
    return surrogate_key(value(companion) if companion else system, value(name))


def _archived(
    warehouse: duckdb.DuckDBPyConnection, source: Source, files: list[str]
) -> tuple[duckdb.DuckDBPyRelation, dict[str, str]]:
    """The archived rows, and their columns with the types in DuckDB."""
    archived = archived_rows(warehouse, source, files)
    return archived, dict(zip(archived.columns, map(str, archived.types), strict=True))


def _collect_archived(
    warehouse: duckdb.DuckDBPyConnection, source: Source, files: list[str], holdings: Holdings, keys: set[str]
) -> dict[str, set[str]]:
    feed = source.contract
    archived, landed_types = _archived(warehouse, source, files)

    def value(name: str) -> str:
        return landed_value(source, name, landed_types)

    system = literal(source.source_system)
    ways = holdings.ways_in_archive(source, landed_types)
    customer = customer_column(feed)
    names_nobody = f"{value(customer)} is null" if customer else "true"
    held = f"({names_nobody} and (landing.batch_id, landing.row_number) in (from held_texts))"
    ways["text"] = Predicate(f"({ways['text'].sql} or {held})", ways["text"].parameters)
    of_keys = {key: _key(feed, key, value, system) for key in keys}
    return _collect(warehouse, feed, f"from ({archived.sql_query()}) as landing", ways, of_keys, False)


def _collect(
    warehouse: duckdb.DuckDBPyConnection,
    feed: Feed,
    rows: str,
    ways: dict[str, Predicate],
    keys: dict[str, str],
    is_raw: bool,
) -> dict[str, set[str]]:
    """Add the person's `rows` to PERSON_ROWS; returns, for each of `keys`, what they hold in it."""
    if not ways:
        return {}
    way = " ".join(f"when {one.sql} then {literal(name)}" for name, one in ways.items())
    given = {name: value for one in ways.values() for name, value in one.parameters.items()}
    columns = "".join(f", {sql} as {identifier(name)}" for name, sql in keys.items())
    warehouse.execute(
        f"create or replace temp table theirs as "
        f"select * from (select batch_id, row_number, case {way} end as way{columns} {rows}) where way is not null",
        given,
    )
    warehouse.execute("insert into person_rows select ?, batch_id, row_number, way, ? from theirs", [feed.name, is_raw])
    return {
        name: {key for (key,) in warehouse.execute(f"select distinct {identifier(name)} from theirs").fetchall() if key}
        for name in keys
    }
