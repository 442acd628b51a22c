"""Which rows of which feed belong to a person, by the feed's contract: in raw, in quarantine, and in the archive.

A row that names a customer belongs to that customer alone. A row that names none belongs to the customer who has its
telephone number, its name and address, or the row that it refers to. A record that could not be split into columns
belongs to each customer that its text names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.archive.batches import archived_files, archived_rows
from pipelines.archive.manifest import read_manifests
from pipelines.connections import identifier, literal
from pipelines.contracts import Feed, feeds
from pipelines.person.matching import Matching
from pipelines.person.person import REGISTER, Person
from pipelines.person.records import surrogate_key
from pipelines.person.spellings import folded, folded_value, phone_digits
from pipelines.settings import Settings
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.deliveries import source_of
from pipelines.sources.mapping import landed_value
from pipelines.sources.parquet_landing import parquet_schema

PERSON_ROWS = "person_rows (feed varchar, batch_id varchar, row_number bigint, way varchar, is_raw boolean)"
"""What `find_holdings` creates. `way` says why the row belongs to the person: customer, phone, named, text, or the key
through which it refers to another of their rows. `is_raw` says whether it is in raw as well as in the archive."""

_PLACE = ("batch_id", "row_number")
# One of these in a text identifies the person that the text is about.
_TELLING = frozenset(("phone", "email", "address", "person_key", "site_key", "customer_key"))


@dataclass(frozen=True)
class Predicate:
    """A condition in SQL, never null, with its named parameters."""

    sql: str
    parameters: dict[str, list[str]]


@dataclass
class Holdings:
    """What identifies a person's rows.

    `own_names` are the names that nobody else has. `linked` maps (feed, key) to the surrogate keys that the person's
    rows of that feed have in it.
    """

    person: Person
    own_names: frozenset[str] = frozenset()
    linked: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @cached_property
    def _matching(self) -> Matching:
        values = self.person.values
        told = {kind: values.get(kind, frozenset()) for kind in (*_TELLING, "name", "birth_date")}
        keys = {record.customer_key for record in self.person.records if record.customer_key}
        return Matching(told | {"customer_key": keys, "own_name": self.own_names})

    def tells(self, text: str) -> bool:
        """Whether a text, such as a record in quarantine, names the person.

        It does by telephone number, e-mail or street address, by a trusted key, by a customer number of at least
        SHORTEST_KEY characters, by a name that nobody else has, or by a name beside the date of birth.
        """
        found = self._matching.values(text)
        kinds = {kind for kind, _ in found}
        return (
            not kinds.isdisjoint({*_TELLING, "own_name"})
            or kinds >= {"name", "birth_date"}
            # As it is, one of two letters tells too; in other spellings it is a name like any.
            or any(kind == "name" and value in self.own_names for kind, value in found)
        )

    def collect_telling(
        self, connection: duckdb.DuckDBPyConnection, table: str, rows: str, keys: Iterable[str], text: str
    ) -> None:
        """Create the temporary table `table` of the columns `keys` of those `rows` whose `text` names the person."""
        names = ", ".join(keys)
        connection.execute(f"create or replace temp table {table} as select {names} from {rows} limit 0")
        key = ", ".join(f"'{name}': {name}" for name in keys)
        held = self._matching.held(connection, rows, {text: "VARCHAR"}, f"{{{key}}}")
        if told := [row for row, _, content in held if self.tells(content)]:
            connection.register("told", pa.Table.from_pylist(told))
            connection.execute(f"insert into {table} by name from told")
            connection.unregister("told")

    def ways_in_raw(self, feed: Feed) -> dict[str, Predicate]:
        """Way, as PERSON_ROWS says it -> which rows of the feed's raw table are the person's by it."""
        return self._ways(feed, identifier, "source_system")

    def ways_in_archive(self, source: Source, landed_types: dict[str, str]) -> dict[str, Predicate]:
        """The same of archived rows of the source, under the name `landing`; needs what `_collect_texts` creates.

        `landed_types` has the columns of `landing` and their types.
        """
        ways = self._ways(
            source.contract, lambda name: landed_value(source, name, landed_types), literal(source.source_system)
        )
        if "_unparsed" not in landed_types:
            return ways
        split = {
            way: Predicate(f"(landing._unparsed is null and {one.sql})", one.parameters) for way, one in ways.items()
        }
        return split | {"text": Predicate("(landing.batch_id, landing.row_number) in (from telling_texts)", {})}

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
    progress: Callable[[str], None] = lambda _: None,
) -> Holdings:
    """What identifies the person's rows. All of raw, quarantine and archive is looked through once.

    `shared_names` are those of the person's that others have too (`person.shared_values`). Creates the temporary table
    PERSON_ROWS in `warehouse` with every row that belongs to the person, retracted and superseded deliveries included.
    An archived batch without an entry in the sources file is not read. `progress` is called for each feed.
    """
    # Who else has a name may write it without the person's blanks.
    shared = {folded_value(name) for name in shared_names}
    own_names = frozenset(name for name in person.values.get("name", ()) if folded_value(name) not in shared)
    holdings = Holdings(person, own_names)
    warehouse.execute(f"create or replace temp table {PERSON_ROWS}")
    for feed in _in_order():
        if feed.person.nobody:
            continue
        progress(f"looking for what {feed.name} has of them")
        keys = {
            key for other in feeds().values() for key, target in other.person.through.items() if target == feed.name
        }
        in_raw = {key: _key(feed, key, identifier, "source_system") for key in keys}
        raw = identifier("raw", feed.name)
        found = [_collect(warehouse, feed, f"from {raw}", holdings.ways_in_raw(feed), in_raw, True)]
        quarantined = f"(from quarantine.rows where feed = {literal(feed.name)})"
        holdings.collect_telling(warehouse, "held_texts", quarantined, _PLACE, "record")
        known = _wholly_in_raw(warehouse, feed)
        warehouse.execute(
            "insert into person_rows select feed, batch_id, row_number, way, false from person_rows "
            "where feed = $feed and list_contains($known::varchar[], batch_id)",
            {"feed": feed.name, "known": sorted(known)},
        )
        batches = archived_batches(settings, sources_file, feed)
        known |= _without_theirs(warehouse, settings, feed, holdings, batches)
        unknown = {batch_id: source for batch_id, source in batches.items() if batch_id not in known}
        for source, files in archived_by_source(settings, feed, unknown):
            found.append(_collect_archived(warehouse, source, files, holdings, keys))
        for key in keys:
            holdings.linked[feed.name, key] = frozenset().union(*(linked.get(key, ()) for linked in found))
    return holdings


def _wholly_in_raw(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> frozenset[str]:
    """The feed's batches of which raw has every row as it came. Their archive holds nothing more."""
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
    feed: Feed,
    holdings: Holdings,
    batches: Mapping[str, Source],
) -> frozenset[str]:
    """The `batches` that hold no row of the person, and are whole in raw and quarantine, duplicates aside.

    To know this, only those archived rows have to be read that are in quarantine.
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
    accounted_for = {batch_id: source for batch_id, source in batches.items() if batch_id in accounted}
    for source, files in archived_by_source(settings, feed, accounted_for):
        archived, landed_types = _archived(warehouse, source, files)
        rows = f"(from ({archived.sql_query()}) semi join quarantined using (batch_id, row_number))"
        _collect_texts(warehouse, holdings, rows, landed_types)
        told = _any(holdings.ways_in_archive(source, landed_types).values())
        theirs.update(
            batch_id
            for (batch_id,) in warehouse.execute(
                # Materialized, because the costly condition would be asked of all rows first.
                f"with held as materialized (from {rows}) "
                f"select distinct batch_id from held as landing where {told.sql}",
                told.parameters,
            ).fetchall()
        )
    return accounted - theirs


def _collect_texts(
    warehouse: duckdb.DuckDBPyConnection, holdings: Holdings, rows: str, landed_types: dict[str, str]
) -> None:
    """Create `telling_texts` of those archived `rows` that could not be split, and whose text names the person."""
    if "_unparsed" in landed_types:
        unparsed = f"(from {rows} as landing where _unparsed is not null)"
        text = "coalesce(landing._record, to_json(landing)::varchar)"
        holdings.collect_telling(warehouse, "telling_texts", f"{unparsed} as landing", _PLACE, text)


def archived_batches(settings: Settings, sources_file: SourcesFile, feed: Feed) -> dict[str, Source]:
    """The feed's archived batches, each with the source whose entry reads it. Batches without an entry are left out."""
    sources = {
        manifest.batch_id: source_of(sources_file, manifest.feed, manifest.source_system, Path(manifest.file))
        for manifest in read_manifests(settings, feed.name)
    }
    return {batch_id: source for batch_id, source in sources.items() if source}


def archived_by_source(
    settings: Settings, feed: Feed, batches: Mapping[str, Source]
) -> Iterator[tuple[Source, list[str]]]:
    """The Parquet files of archived `batches` with the source that each is read by, those of a schema together."""
    alike: dict[tuple[int, str], tuple[Source, list[str]]] = {}
    for batch_id, source in batches.items():
        for file in archived_files(settings, feed.name, [batch_id]):
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
    _collect_texts(warehouse, holdings, f"({archived.sql_query()})", landed_types)
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
