"""The rows of one feed's deliveries, landed, archived and mapped, side by side in the database that the gate judges.

Leaves `batches`, one line per delivery, and `numbered`, every row read, of which `gate_rows` are those to be judged.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.archive.batches import archived_files, land_from_archive, store_landing
from pipelines.connections import identifier, insert_rows
from pipelines.contracts import SNAPSHOT_COLUMNS, SYSTEM_COLUMNS, Feed
from pipelines.loading.decided_rows import copy_decisions, map_fixed, put_decided
from pipelines.person.erased_marks import empty_blocked, take_erased
from pipelines.person.tombstones import block_erased, copy_tombstones
from pipelines.settings import Settings
from pipelines.sources.configuration import Company
from pipelines.sources.deliveries import Delivery, reading_hash
from pipelines.sources.landing import land
from pipelines.sources.mapping import create_mapped_rows, map_landing
from pipelines.sources.masking import kinds_by_column, mask_landing, record_hits
from pipelines.sources.parquet_landing import parquet_schema
from pipelines.sources.postgresql_landing import keep_delivered_rows

_PORTION_BYTES = 128 << 20


def gather_rows(
    gate: duckdb.DuckDBPyConnection,
    settings: Settings,
    feed: Feed,
    deliveries: list[Delivery],
    company: Company,
) -> list[Delivery]:
    """Fill `batches` and `mapped_rows`; returns the deliveries whose files stayed as they were while they were read."""
    gate.execute(
        "create table batches (batch_id varchar, row_number bigint, source_system varchar, delivery_date date, "
        "part varchar, file varchar, file_hash varchar, reading_hash varchar, tolerance double, fault varchar, "
        "source_columns varchar, values_masked bigint default 0, rows_read bigint default 0, "
        "rows_quarantined bigint default 0, rows_unparsed bigint default 0)"
    )
    gate.execute("create table sensitive_hits (batch_id varchar, column_name varchar, hits bigint)")
    create_mapped_rows(gate, feed)
    is_decided = copy_decisions(gate, settings, feed)
    has_tombstones = copy_tombstones(gate, settings)
    gathered: list[Delivery] = []
    # Grouped by identity: sources hold dictionaries and cannot be hashed.
    alike = {
        delivery.batch_id: (id(delivery.source), delivery.is_archived, _schema(settings, delivery))
        for delivery in deliveries
    }
    order = sorted(deliveries, key=lambda delivery: alike[delivery.batch_id])
    for _, group in groupby(order, key=lambda delivery: alike[delivery.batch_id]):
        for portion in _portions(group):
            gathered += _gather_portion(gate, settings, feed, portion, company, is_decided, has_tombstones)
    gate.execute("drop table if exists landing")
    mark_repeated(gate, feed)
    gate.execute(
        """
        alter table numbered add column decision varchar;
        update batches set rows_read = counted.rows_read
        from (
            select batch_id, count(*) as rows_read
            from (select batch_id from numbered union all select batch_id from blocked)
            group by batch_id
        ) as counted
        where batches.batch_id = counted.batch_id;
        """
    )
    if is_decided:
        put_decided(gate, settings, feed)
        # A fixed row may have got the key of another.
        gate.execute("update numbered set may_share_key = true")
    _show_gate_rows(gate)
    return gathered


def _gather_portion(
    gate: duckdb.DuckDBPyConnection,
    settings: Settings,
    feed: Feed,
    portion: list[Delivery],
    company: Company,
    is_decided: bool,
    has_tombstones: bool,
) -> list[Delivery]:
    """Add to `batches` and `mapped_rows` some deliveries of one source that can stand in one table."""
    source = portion[0].source
    if portion[0].is_archived:
        together = portion
        landed = land_from_archive(gate, settings, source, together)
        kinds = kinds_by_column(gate, source)
        masked = {delivery.batch_id: delivery.values_masked for delivery in together}
    else:
        landed = land(gate, source, portion, company.time_zone)
        as_read = [landed.changed.get(delivery.batch_id, delivery) for delivery in portion]
        changed = [delivery.batch_id for delivery in as_read if not delivery.is_unchanged()]
        together = [delivery for delivery in as_read if delivery.batch_id not in changed]
        gate.execute("delete from landing where list_contains(?::varchar[], batch_id)", [changed])
        kinds = kinds_by_column(gate, source)
        masked = mask_landing(gate, source, kinds)
        if kept := archived_files(settings, feed.name, [one.keeps for one in together if one.keeps]):
            keep_delivered_rows(gate, source, together, kept)
    record_hits(gate, source, kinds)
    insert_rows(
        gate,
        "insert into batches by name select *, 0 as row_number from rows",
        (*_BATCH_COLUMNS, "reading_hash", "tolerance", "fault", "source_columns", "values_masked"),
        [
            (
                *_batch_columns(delivery),
                reading_hash(source),
                feed.tolerance,
                landed.faults.get(delivery.batch_id),
                landed.columns.get(delivery.batch_id),
                masked.get(delivery.batch_id, 0),
            )
            for delivery in together
        ],
    )
    map_landing(gate, source, company, settings, may_be_undecodable=landed.may_be_undecodable)
    take_erased(gate, feed)
    if has_tombstones and block_erased(gate, settings, feed, [one.batch_id for one in together], company):
        empty_blocked(gate)
    if not portion[0].is_archived:
        store_landing(gate, settings, feed.name)
    if is_decided:
        map_fixed(gate, source, company, settings)
        take_erased(gate, feed, "fixed")
    return together


def mark_repeated(gate: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Make `numbered` of `mapped_rows`; mark what may share its key within its batch, and what repeats a row whole.

    The former is a sieve that lets nothing through: few rows pass it, and equals are sought among these. Rows
    are alike by the hash of what came and by every value; numbering them within their equals would sort all of them.
    """
    key_hash = f"hash(batch_id, {', '.join(identifier(name) for name in feed.key)})"
    values = [*feed.raw_columns(), "unreadable_columns"]
    content = [name for name in values if name not in SYSTEM_COLUMNS | SNAPSHOT_COLUMNS]
    alike = " and ".join(
        f"numbered.{identifier(name)} is not distinct from firsts.{identifier(name)}" for name in content
    )
    gate.execute(
        f"""
        alter table mapped_rows rename to numbered;
        alter table numbered add column is_duplicate boolean default false;
        create temp table repeated_keys as
        select {key_hash} as key_hash from numbered where unparsed is null group by all having count(*) > 1;
        update numbered set may_share_key = true
        from repeated_keys where unparsed is null and {key_hash} = repeated_keys.key_hash;
        drop table repeated_keys;
        create temp table firsts as
        select numbered.*
        from numbered
        inner join (
            select batch_id, content_hash, min(row_number) as row_number
            from numbered
            where may_share_key
            group by batch_id, content_hash
            having count(*) > 1
        ) as repeated using (batch_id, content_hash, row_number);
        update numbered set is_duplicate = true
        from firsts
        where
            numbered.may_share_key
            and numbered.batch_id = firsts.batch_id
            and numbered.content_hash = firsts.content_hash
            and numbered.row_number > firsts.row_number
            and {alike};
        drop table firsts
        """
    )


def _show_gate_rows(gate: duckdb.DuckDBPyConnection) -> None:
    """Create the view of the rows to be judged; where nothing is set aside, no rule has to look for that again."""
    condition = "not is_duplicate and unparsed is null and decision is distinct from 'discard'"
    is_any_aside = gate.execute(f"select 1 from numbered where not ({condition}) limit 1").fetchone()
    gate.execute(f"create view gate_rows as from numbered where {condition if is_any_aside else 'true'}")


def _portions(deliveries: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    """The deliveries in portions that land within memory, each of at least one file; a database is read at one moment.

    What is landed is in memory a second time, mapped, and would have to be spilled.
    """
    portion: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        if portion and not delivery.source.connection and size + delivery.size > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(delivery)
        size += delivery.size
    yield portion


def _schema(settings: Settings, delivery: Delivery) -> str:
    """Tells deliveries apart that cannot stand in one table."""
    format = delivery.source.format
    if format in ("csv", "fixed_width"):
        return ""
    if delivery.is_archived:
        files = archived_files(settings, delivery.source.feed, [delivery.batch_id])
        return parquet_schema(Path(files[0])) if files else ""
    if format == "parquet":
        return parquet_schema(delivery.path)
    # The types of other typed sources show only when they are read.
    return "" if format in ("json_lines", "postgresql") else delivery.batch_id


_BATCH_COLUMNS = ("batch_id", "source_system", "delivery_date", "part", "file", "file_hash")


def _batch_columns(delivery: Delivery) -> tuple[str, str, date, str, str, str]:
    return (
        delivery.batch_id,
        delivery.source.source_system,
        delivery.delivery_date,
        delivery.part,
        str(delivery.path),
        delivery.file_hash,
    )
