"""Erases persons from a home: what is theirs is found, a journal is begun, and then carried out step by step.

Each step does again what a kill left half done, so that the next command of the home can finish. What is published is
built by the caller.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from pipelines.archive.batches import recover_archive
from pipelines.archive.manifest import read_manifests
from pipelines.connections import STORAGE_VERSION, connected, exact_name, has_table, identifier, literal
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.home.durable import synchronise
from pipelines.ledger.decisions import Author
from pipelines.ledger.export import export_state
from pipelines.ledger.tables import create_tables
from pipelines.person.erased_marks import personal_columns
from pipelines.person.holdings import find_holdings
from pipelines.person.matching import Matching
from pipelines.person.person import Person, find_persons, shared_values
from pipelines.person.tombstones import make_key, tombstones_of
from pipelines.privacy import erased_rows, erased_state, journal, separation
from pipelines.privacy.journal import Journal
from pipelines.publishing.schemas import published_schemas
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import source_of

Progress = Callable[[str, str], None]

# Made by dbt of what lies in raw; the next build makes them anew. An older home has published schemas here too.
_MODEL_SCHEMAS = ("staging", "intermediate", "seeds")
_GOLDEN = "int_customer__golden_attribute"


@dataclass(frozen=True)
class Share:
    """What one feed holds of the persons: rows in raw, rows in the archive, and in how many of its batches."""

    feed: str
    raw_rows: int
    archived_rows: int
    batches: int


@dataclass(frozen=True)
class Plan:
    """What would go. `person` stands for all `persons`; `values` are what is theirs alone, by kind, to be found again.

    `shared` counts, by kind, the values that others have too, which a search would find with theirs. `files` are those
    that brought the rows, where they still lie, and `rows` is the file of the rows' places, in the scratch folder.
    """

    person: Person
    persons: int
    shares: list[Share]
    values: dict[str, frozenset[str]]
    shared: dict[str, int]
    own_names: frozenset[str]
    tombstones: list[tuple[str, str]]
    files: list[Path]
    rows: Path


def plan(settings: Settings, sources_file: SourcesFile, customers: Sequence[str], progress: Progress) -> Plan:
    """Find the customers, given as `system:number` or ids, and all that is kept of them. Changes nothing.

    Makes the home's erasure key where there is none. Raises UsageError where a customer is not known, or the archive
    has batches that the sources file no longer says how to read.
    """
    _require_sources(settings, sources_file)
    make_key(settings)
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        progress("find", "looking for all that is kept")
        found = find_persons(warehouse, customers)
        person = _together(found)
        shared = shared_values(warehouse, person)
        # A telephone that others have too tells nobody.
        told = replace(person, values=person.values | {"phone": person.values["phone"] - shared["phone"]})
        holdings = find_holdings(warehouse, settings, sources_file, told, shared["name"], partial(progress, "find"))
        rows = settings.scratch / "erasing_rows.parquet"
        shares = _keep_rows(warehouse, rows)
        files = _files(warehouse)
        keys = frozenset(one.customer_key for one in person.records if one.customer_key)
        shared["customer_key"] = _others_keys(warehouse, person) & keys
        for kind, some in _in_rows_of_others(warehouse, told).items():
            shared[kind] = shared.get(kind, frozenset()) | some
        # A day alone tells nobody: somebody was hired on it, or a running number reads like it. A row that holds it as
        # the person's holds their key as well.
        shared["birth_date"] = person.values["birth_date"]
        values = {
            kind: some - shared.get(kind, frozenset())
            for kind, some in (person.values | {"customer_key": keys}).items()
        }
        tombstones = tombstones_of(warehouse, settings, person, shared["phone"])
    counts = {kind: len(some) for kind, some in shared.items() if some}
    return Plan(person, len(found), shares, values, counts, holdings.own_names, tombstones, files, rows)


def _require_sources(settings: Settings, sources_file: SourcesFile) -> None:
    for manifest in read_manifests(settings):
        if source_of(sources_file, manifest.feed, manifest.source_system, Path(manifest.file)) is None:
            raise UsageError(
                f"the archive holds {manifest.feed} from {manifest.source_system}, such as {manifest.file}, and the "
                "sources file has no entry for it: it is not known to which persons its rows belong",
                "put the entry back; with `until` it expects nothing more",
            )


def _together(persons: list[Person]) -> Person:
    """Several persons as one, so that every file is looked through once for all of them."""
    first, *others = persons
    values = {kind: some.union(*(other.values[kind] for other in others)) for kind, some in first.values.items()}
    records = tuple(dict.fromkeys(record for one in persons for record in one.records))
    former_ids = tuple(dict.fromkeys(former for one in persons for former in (one.customer_id, *one.former_ids)))
    return Person(first.customer_id, records, former_ids, values)


def _keep_rows(warehouse: duckdb.DuckDBPyConnection, rows: Path) -> list[Share]:
    """Write the person's rows that hold something of them to `rows`; what each feed has of it."""
    whole = [feed.name for feed in feeds().values() if erased_rows.loses_rows(feed)]
    personal = [feed.name for feed in feeds().values() if personal_columns(feed)]
    private = [feed.name for feed in feeds().values() if any(column.private for column in feed.columns)]
    warehouse.execute(
        """
        create or replace temp table erased_rows as
        select
            feed,
            batch_id,
            row_number,
            bool_or(way = 'text' or list_contains($whole::varchar[], feed)) as is_whole,
            bool_or(is_raw) as is_raw,
            bool_or(not is_raw) as is_archived,
        from person_rows
        where
            list_contains($personal::varchar[], feed)
            -- What only leads to a person's contract or contact says nothing of the person by itself.
            and (way in ('customer', 'phone', 'named', 'text') or list_contains($private::varchar[], feed))
        group by all
        """,
        {"whole": whole, "personal": personal, "private": private},
    )
    warehouse.execute(
        f"copy (select feed, batch_id, row_number, is_whole from erased_rows) to {literal(rows)} (format parquet)"
    )
    rows.chmod(0o600)
    return [
        Share(*row)
        for row in warehouse.execute(
            "select feed, count(*) filter (is_raw), count(*) filter (is_archived), count(distinct batch_id) "
            "from erased_rows group by feed order by feed"
        ).fetchall()
    ]


def _files(warehouse: duckdb.DuckDBPyConnection) -> list[Path]:
    """The files that brought the rows, where they still lie."""
    rows = warehouse.execute(
        "select distinct file from ledger.loads where batch_id in (select batch_id from erased_rows) order by all"
    ).fetchall()
    return [path for path in (Path(file) for (file,) in rows) if path.exists()]


def _in_rows_of_others(warehouse: duckdb.DuckDBPyConnection, person: Person) -> dict[str, frozenset[str]]:
    """Kind -> those of the person's values that stand as a name or contact in a row that is somebody else's.

    A text that speaks of the person is none: what it says is to be found.
    """
    kinds = ("name", "phone", "email", "address")
    matching = Matching({kind: person.values[kind] for kind in kinds})
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    for feed in feeds().values():
        for column in feed.columns:
            if column.holds not in ("name", "contact") or matching.is_empty:
                continue
            others = (
                f"(select distinct nfc_normalize(raw.{identifier(column.name)}) as text "
                f"from {identifier('raw', feed.name)} as raw "
                f"anti join erased_rows on erased_rows.feed = {literal(feed.name)} "
                "and raw.batch_id = erased_rows.batch_id and raw.row_number = erased_rows.row_number)"
            )
            for _, _, text in matching.held(warehouse, others, {"text": "VARCHAR"}):
                for kind, value in matching.values(text):
                    found[kind].add(value)
    return {kind: frozenset(some) for kind, some in found.items()}


def _others_keys(warehouse: duckdb.DuckDBPyConnection, person: Person) -> frozenset[str]:
    """Those of the person's numbers that somebody else has in another system."""
    numbers = [(one.source_system, one.customer_key) for one in person.records if one.customer_key]
    rows = warehouse.execute(
        "select distinct customer_key from raw.branch__customers "
        "where customer_key in (select unnest($keys)) "
        "and source_system || ':' || customer_key not in (select unnest($names))",
        {"keys": [key for _, key in numbers], "names": [f"{system}:{key}" for system, key in numbers]},
    ).fetchall()
    return frozenset(key for (key,) in rows)


def begin(
    settings: Settings,
    planned: Plan,
    author: Author,
    erased_date: date,
    destroy_date: date | None = None,
) -> Journal:
    """Have the erasure begin; from now on it is finished by this process, or by the next command.

    With a `destroy_date` what raw and quarantine hold is moved to a file of its own, which ends on that day.
    """
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        (last,) = warehouse.execute("select coalesce(max(erasure_number), 0) from state.erasures").fetchone() or (0,)
    separated_file = separation.file_name(last + 1, destroy_date) if destroy_date else None
    if separated_file:
        separation.separate(settings, planned.rows, separated_file)
    begun = Journal(
        last + 1,
        "separate" if separated_file else "erase",
        erased_date,
        author.decided_by,
        author.decided_at,
        author.reason,
        planned.persons,
        planned.person,
        planned.own_names,
        planned.tombstones,
        secrets.token_hex(16),
        separated_file,
        destroy_date,
    )
    journal.begin(settings, begun, planned.rows)
    return begun


def finish(settings: Settings, sources_file: SourcesFile, progress: Progress) -> dict[str, float]:
    """Carry out the erasure that has begun; returns step -> seconds. The published file is as it was."""
    begun = journal.read(settings)
    seconds: dict[str, float] = {}

    def step(name: str, text: str, act: Callable[[], None]) -> None:
        progress(name, text)
        started = time.monotonic()
        act()
        seconds[name] = time.monotonic() - started

    step("note", "noting the erasure and its tombstones", lambda: _note(settings, begun))
    step("archive", "rewriting the archive", lambda: _rewrite_archive(settings, sources_file, begun))
    step("raw", "erasing raw, quarantine, decisions and identity", lambda: _erase(settings, sources_file, begun))
    step("state", "exporting what was decided", lambda: _export(settings))
    step("file", "rewriting the warehouse file", lambda: rewrite_database(settings))
    step("versions", "removing kept versions", lambda: remove_versions(settings))
    journal.end(settings)
    return seconds


def _note(settings: Settings, begun: Journal) -> None:
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute("begin transaction")
        erased_state.note(warehouse, begun)
        warehouse.execute("commit")
        # A killed erasure may have taken rows out of the warehouse that the copies still have.
        export_state(warehouse, settings, rewritten=erased_state.REWRITTEN)


def _rewrite_archive(settings: Settings, sources_file: SourcesFile, begun: Journal) -> None:
    for feed in feeds():
        recover_archive(settings, feed)
    with connected(settings, None) as connection:
        connection.execute(
            f"create temp table erased_rows as from read_parquet({literal(exact_name(journal.rows_file(settings)))})"
        )
        erased_rows.rewrite_archive(connection, settings, sources_file, begun.salt)
        connection.execute(
            f"copy erased_files to {literal(settings.scratch / 'erased_files.parquet')} (format parquet)"
        )


def _erase(settings: Settings, sources_file: SourcesFile, begun: Journal) -> None:
    """All that the warehouse holds, in one transaction; `marks` is what the rewritten archive says of the rows."""
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(
            f"""
            create temp table erased_rows as from read_parquet({literal(exact_name(journal.rows_file(settings)))});
            create temp table erased_files as
            from read_parquet({literal(exact_name(settings.scratch / "erased_files.parquet"))});
            """
        )
        erased_rows.read_marks(warehouse, settings)
        warehouse.execute("begin transaction")
        for feed in feeds().values():
            if personal_columns(feed):
                erased_rows.erase_raw(warehouse, feed)
                erased_rows.erase_keys_of_things(warehouse, settings, sources_file, feed)
                erased_rows.erase_quarantine(warehouse, settings, feed)
        erased_state.erase_decisions(warehouse, sources_file, begun)
        erased_state.erase_identity(warehouse, begun)
        erased_state.note_batches(warehouse, begun)
        _drop_models(warehouse, begun)
        warehouse.execute("commit")


def _drop_models(warehouse: duckdb.DuckDBPyConnection, begun: Journal) -> None:
    """Drop what dbt has built, but for the golden records of others, which are looked up all day."""
    kept = has_table(warehouse, "intermediate", _GOLDEN)
    if kept:
        warehouse.execute(
            f"create temp table golden as from intermediate.{_GOLDEN} "
            "where not list_contains($ids, customer_id) and not list_contains($ids, customer_source_id)",
            {"ids": begun.ids},
        )
    for schema in (*_MODEL_SCHEMAS, *published_schemas()):
        warehouse.execute(f"drop schema if exists {schema} cascade")
    if kept:
        warehouse.execute(f"create schema intermediate; create table intermediate.{_GOLDEN} as from golden")


def _export(settings: Settings) -> None:
    with connected(settings, settings.warehouse) as warehouse:
        export_state(warehouse, settings, rewritten=erased_state.REWRITTEN)


def rewrite_database(settings: Settings) -> None:
    """Copy the warehouse into a new file that takes its place: what was deleted lingers in a file's free blocks."""
    old = settings.warehouse
    new = old.with_name(f"{old.name}.erased")
    for leftover in (new, new.with_name(f"{new.name}.wal")):
        leftover.unlink(missing_ok=True)
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(old)} as warehouse")
        connection.execute("checkpoint warehouse")
        connection.execute(f"attach {literal(new)} as rewritten (storage_version '{STORAGE_VERSION}')")
        connection.execute(f"copy from database {identifier('warehouse')} to {identifier('rewritten')}")
        connection.execute("checkpoint rewritten")
    new.chmod(0o600)
    synchronise([new])
    # The log of another file would be read into the new one.
    old.with_name(f"{old.name}.wal").unlink(missing_ok=True)
    new.replace(old)
    for earlier in settings.home.glob(f"{settings.warehouse_name}.*"):
        if earlier.is_file():
            earlier.unlink()
    synchronise([settings.home])


def remove_versions(settings: Settings) -> None:
    """Remove what is kept of earlier publications, and a candidate that was never published."""
    for file in [*settings.versions.glob("*"), *settings.published.glob(".candidate.duckdb*")]:
        file.unlink()
