"""What was known on a day: the file that was published then, made again beside the one of today.

A publication notes how far arrivals, decisions and the identity ledger had come. That much of the archive and of the
state, and no more, is loaded into a home of its own within the scratch folder. Mapping, rules and models are those of
today: where they are the same as then, so is the content.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from pipelines.archive.batches import recover_archive
from pipelines.archive.manifest import read_manifests
from pipelines.connections import connected, literal
from pipelines.contracts import feeds
from pipelines.errors import AuditError, PublishError, UsageError
from pipelines.home.durable import synchronise
from pipelines.identity.resolution import recall
from pipelines.identity.spellings import note_spellings
from pipelines.ledger.erasures import erasures
from pipelines.ledger.export import export_state, import_state
from pipelines.ledger.loads import current_loads
from pipelines.ledger.prunings import pruned_since
from pipelines.ledger.tables import create_tables
from pipelines.loading.completeness import assess
from pipelines.loading.ledger_lines import write_completeness
from pipelines.person.tombstones import check_key
from pipelines.publishing.content_hash import content_hash, published_tables, table_hash
from pipelines.publishing.dbt_project import build_models
from pipelines.publishing.publication import (
    audit_candidate,
    begin_candidate,
    candidate_file,
    close_candidate,
    version_file,
)
from pipelines.replay.rebuild import load_archived
from pipelines.settings import Settings
from pipelines.sources.configuration import Company, SourcesFile

STEPS = [*feeds(), "identity", "models", "candidate", "write"]
"""The steps that report progress, in the order in which they run."""

_NUMBERS = ("decision_number", "override_number", "model_number", "resolution_number")


@dataclass(frozen=True)
class Edition:
    """A publication and what it was made of; instants are UTC, without a zone.

    `judged_at` is the instant it stood for; the numbers are those of the last arrival, decision, override, model and
    resolution of identity that it knew of.
    """

    published_at: datetime
    run_id: str
    content_hash: str
    judged_at: datetime
    last_arrival: int
    decision_number: int
    override_number: int
    model_number: int
    resolution_number: int


@dataclass(frozen=True)
class Remade:
    """A file made again: its path, number of tables and content hash.

    `differing` names the tables that are not as they were published; None where that is not known, because the
    version of then is no longer kept. `erased` counts the persons that were erased since then, and are not in it; nor
    is what was delivered before the days that `pruned` has by feed, where it was pruned since then.
    """

    path: Path
    tables: int
    content_hash: str
    differing: list[str] | None
    erased: int = 0
    pruned: dict[str, date] = field(default_factory=dict)


def find_edition(settings: Settings, company: Company, day: date) -> Edition:
    """The last publication that stood for `day`, in the company's zone, or for an earlier day.

    Raises UsageError where there is none.
    """
    columns = ", ".join(field.name for field in fields(Edition))
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        rows = warehouse.execute(
            f"select {columns} from ledger.publications where judged_at is not null order by published_at"
        ).fetchall()
    editions = [Edition(*row) for row in rows]
    days = [company.business_day(edition.judged_at.replace(tzinfo=UTC)) for edition in editions]
    known = [edition for edition, its_day in zip(editions, days, strict=True) if its_day <= day]
    if not known:
        since = f"; the first was published on {min(days)}" if days else ""
        raise UsageError(f"nothing was published until {day}{since}", "give a later day with --as-of")
    return known[-1]


def check_target(settings: Settings, out: Path) -> None:
    """Raise UsageError where `out` is no place for a new file: it is there already, or readers open it."""
    if out.is_relative_to(settings.published):
        raise UsageError(
            f"{out}: this is the folder of what is published now, which an earlier day never replaces",
            "give a file elsewhere with --out",
        )
    if out.exists():
        raise UsageError(f"{out}: there is such a file already", "give another name with --out, or remove it")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: there is no such folder", "make it, or give another file with --out")


def remake(
    settings: Settings, sources_file: SourcesFile, edition: Edition, out: Path, progress: Callable[[str, str], None]
) -> Remade:
    """Make the file of `edition` again as `out`; the home stays as it is, and needs its lock held.

    Raises UsageError where the sources file has no entry for what was loaded then, BuildError and AuditError as a run
    does, and PublishError where `out` cannot be written.
    """
    aside = replace(settings, home=settings.scratch / "as_of")
    try:
        _load(settings, aside, sources_file, edition, progress)
        progress("identity", "naming customers as they were named then")
        recall(aside)
        note_spellings(aside)
        progress("models", "building the marts")
        begin_candidate(aside)
        build_models(aside, sources_file.company)
        progress("candidate", "closing and auditing the file")
        close_candidate(aside)
        if faults := [f"{verdict.name}: {fault}" for verdict in audit_candidate(aside) for fault in verdict.faults]:
            raise AuditError("the audit refused the file:\n  " + "\n  ".join(faults), "mend what is named above")
        progress("write", "comparing it with what was published")
        remade = replace(
            compared(settings, candidate_file(aside), edition, out),
            erased=_erased_since(settings, edition),
            pruned=_pruned_since(settings, edition),
        )
        _put(candidate_file(aside), out)
        return remade
    finally:
        shutil.rmtree(aside.home, ignore_errors=True)


def _load(
    settings: Settings,
    aside: Settings,
    sources_file: SourcesFile,
    edition: Edition,
    progress: Callable[[str, str], None],
) -> None:
    """Fill the warehouse of `aside` with what `edition` knew."""
    aside.home.mkdir(mode=0o700, parents=True)
    aside.archive.symlink_to(settings.archive, target_is_directory=True)
    aside.erasure_key_file.symlink_to(settings.erasure_key_file)
    for feed in feeds():
        recover_archive(settings, feed)
    known = [manifest.as_known(edition.last_arrival) for manifest in read_manifests(settings)]
    with connected(settings, settings.warehouse) as warehouse:
        check_key(warehouse, settings)
        export_state(warehouse, settings)
    with connected(aside, aside.warehouse) as warehouse:
        create_tables(warehouse)
        import_state(warehouse, settings, {field: getattr(edition, field) for field in _NUMBERS})
    load_archived(aside, sources_file, [manifest for manifest in known if manifest], edition.run_id, progress)
    with connected(aside, aside.warehouse) as warehouse:
        judged_at = edition.judged_at.replace(tzinfo=UTC)
        completeness = assess(sources_file, current_loads(warehouse), judged_at)
        write_completeness(warehouse, sources_file.company, completeness, judged_at)


def compared(settings: Settings, candidate: Path, edition: Edition, out: Path) -> Remade:
    """What `candidate`, which will be `out`, has in common with what was published then."""
    version = version_file(settings, edition.published_at, edition.content_hash)
    with connected(settings, None) as connection:
        connection.execute(f"attach {literal(candidate)} as candidate (read_only)")
        tables = published_tables(connection, "candidate")
        found = content_hash(connection, "candidate")
        differing: list[str] | None = []
        if found != edition.content_hash:
            differing = None
            if version.exists():
                connection.execute(f"attach {literal(version)} as version (read_only)")
                then = _hashes(connection, "version")
                now = _hashes(connection, "candidate")
                differing = sorted(table for table in then | now if then.get(table) != now.get(table))
    return Remade(out, len(tables), found, differing)


def _erased_since(settings: Settings, edition: Edition) -> int:
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        return sum(one.persons for one in erasures(warehouse) if one.decided_at > edition.published_at)


def _pruned_since(settings: Settings, edition: Edition) -> dict[str, date]:
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        return pruned_since(warehouse, edition.published_at)


def _hashes(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, str]:
    return {
        f"{schema}.{table}": table_hash(connection, catalog, schema, table)
        for schema, table in published_tables(connection, catalog)
    }


def _put(candidate: Path, out: Path) -> None:
    """Copy the candidate to `out`, which is on the disk, and whole, as soon as it is there."""
    written = out.with_name(f".{out.name}.new")
    try:
        shutil.copyfile(candidate, written)
        written.chmod(0o444)
        synchronise([written])
        written.replace(out)
        synchronise([out.parent])
    except OSError as error:
        written.unlink(missing_ok=True)
        raise PublishError(
            f"{out}: the file could not be written: {error.strerror or error}",
            "make room or mend the folder's rights, then run the command again",
        ) from error
