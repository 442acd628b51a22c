"""Resolves identity after a load: new and changed records find their customers, and the ledger keeps what changed.

Edges are sought for new and changed records alone, and only the customers these touch are clustered anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.connections import attached, connected, reading
from pipelines.identity import changes
from pipelines.identity.changes import CHANGED_OR_GONE, Resolved
from pipelines.identity.clusters import STEWARD, cluster
from pipelines.identity.edges import find_edges
from pipelines.ledger.identity import assign_customers, assignments_in_force, overrides_in_force, write_assignments
from pipelines.normalisers import create_normalising_macros
from pipelines.person.records import gather_records
from pipelines.person.tombstones import name_returned
from pipelines.settings import Settings


@dataclass(frozen=True)
class Resolution:
    """What a resolution came to: records and customers in all, records new or changed, and the events it caused."""

    records: int
    customers: int
    changed: int
    merges: int
    splits: int
    moves: int


def resolve(
    settings: Settings, run_id: str, now: datetime, progress: Callable[[str], None] = lambda message: None
) -> Resolution:
    """Bring identity up to what is loaded and decided; the warehouse is written in one transaction, or not at all.

    `now` (UTC, without a zone) is the instant at which events are recorded.
    """
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(changes.TABLES)
    with connected(settings, None) as work:
        work.execute("attach ':memory:' as work")
        work.execute("use work")
        work.execute("set preserve_insertion_order = false")
        create_normalising_macros(work)
        with reading(work, settings):
            before, model = changes.resolved(work), changes.model_in_force(work)
            is_complete = changes.find_changes(work, before, model)
            changed = _count(work, "changed")
            is_touched = changed > 0 or _count(work, "gone") > 0 or changes.is_overridden(work, before)
            if is_touched:
                changes.complete_records(work, is_complete)
            is_everybody = is_touched and changed == _count(work, "all_records")
        number = before.resolution_number + is_touched
        if is_touched:
            progress(f"comparing {changed:,} new or changed records")
            find_edges(work, model, "all_records", "all_phones", None if is_everybody else "changed")
            progress("clustering")
            with reading(work, settings):
                _take_touched(work, before, is_everybody)
                cluster(work, "subset_records", "subset_edges", "never")
                name_returned(work, settings, "clusters")
                assign_customers(work)
        with attached(work, settings) as warehouse:
            warehouse.execute("begin transaction")
            if is_touched:
                changes.keep_changes(warehouse, is_everybody)
                write_assignments(warehouse, number, model.version, run_id, now)
            changes.note_resolved(warehouse, number, model)
            warehouse.execute("commit")
            return _resolution(warehouse, number, changed, is_touched)


def recall(settings: Settings) -> None:
    """Have a warehouse that was made anew hold everybody as the ledger names them; nobody is compared with anybody."""
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(changes.TABLES)
    with connected(settings, None) as work:
        work.execute("attach ':memory:' as work")
        work.execute("use work")
        create_normalising_macros(work)
        with reading(work, settings):
            gather_records(work, f"warehouse.raw.{changes.FEED}", "records", "phones", None)
        with attached(work, settings) as warehouse:
            warehouse.execute("insert into identity.records from work.records")
            warehouse.execute("insert into identity.phones from work.phones")


def _take_touched(work: duckdb.DuckDBPyConnection, before: Resolved, is_everybody: bool) -> None:
    """Make `subset_records` and `subset_edges`: whatever hangs together with what changed or was decided.

    Edges that were refused before count too, so that what comes out does not depend on the order of the days.
    """
    work.execute(f"create table never as {overrides_in_force('never', 'warehouse.')}")
    work.execute(f"create table always as {overrides_in_force('always', 'warehouse.')}")
    if is_everybody:
        work.execute("create view subset_records as from work.all_records")
        work.execute("create view evident as from work.found_edges")
        work.execute("create view wanted as from work.changed")
    else:
        _find_wanted(work, before)
        work.execute(
            """
            create table subset_records as
            from all_records where record_id in (select record_id from wanted);
            create view evident as
            from work.all_edges
            where
                record_a in (select record_id from work.wanted)
                and record_b in (select record_id from work.wanted);
            """
        )
    work.execute(
        """
        create table subset_edges as
        from evident
        union all
        select record_a, record_b, ?, 0, null, null
        from always
        where record_a in (select record_id from wanted) and record_b in (select record_id from wanted)
        """,
        [STEWARD],
    )


def _find_wanted(work: duckdb.DuckDBPyConnection, before: Resolved) -> None:
    """Make `all_edges`, of now, and `wanted`, the records that hang together with what changed or was decided."""
    work.execute(
        f"""
        create table all_edges as
        from found_edges
        union all
        select * from warehouse.identity.edges
        where record_a not in {CHANGED_OR_GONE} and record_b not in {CHANGED_OR_GONE};
        create table links as
        select record_a as near, record_b as far from all_edges
        union all
        select record_b, record_a from all_edges
        union all
        select record_a, record_b from always
        union all
        select record_b, record_a from always;
        create table wanted as
        select record_id from changed;
        """
    )
    work.execute(
        "insert into wanted "
        "select unnest([record_a, record_b]) from warehouse.state.identity_overrides where override_number > ?",
        [before.override_number],
    )
    # Whoever was one customer with these, may be so no more.
    work.execute(
        f"""
        insert into wanted
        with known as ({assignments_in_force("warehouse.")})
        select record_id
        from known
        where customer_id in (
            select customer_id
            from known
            where record_id in (select record_id from wanted union all select record_id from gone)
        )
        """
    )
    found = -1
    while found != (found := _count(work, "wanted")):
        work.execute(
            "insert into wanted select distinct far from links "
            "where near in (select record_id from wanted) and far not in (select record_id from wanted)"
        )


def _resolution(warehouse: duckdb.DuckDBPyConnection, number: int, changed: int, is_touched: bool) -> Resolution:
    row = warehouse.execute(
        f"""
        select count(*), count(distinct customer_id)
        from ({assignments_in_force()}) as assignments
        where record_id in (select record_id from identity.records)
        """
    ).fetchone()
    query = "select kind, count(*) from state.identity_events where resolution_number = ? group by all"
    events = dict(warehouse.execute(query, [number]).fetchall()) if is_touched else {}
    records, customers = row or (0, 0)
    return Resolution(
        records, customers, changed, events.get("merge", 0), events.get("split", 0), events.get("move", 0)
    )


def _count(work: duckdb.DuckDBPyConnection, table: str) -> int:
    row = work.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])
