"""The rows of one feed's deliveries, landed, archived and mapped, side by side in the database that the gate judges.

Leaves `batches`, one line per delivery, and `numbered`, every row read, of which `gate_rows` are those to be judged.
"""

from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.archive import archived_files, land_from_archive, store_landing
from pipelines.connections import identifier, insert_rows
from pipelines.contracts import SNAPSHOT_COLUMNS, SYSTEM_COLUMNS, Feed
from pipelines.gate.decided import copy_decisions, map_fixed, put_decided
from pipelines.settings import Settings
from pipelines.sources.configuration import Company
from pipelines.sources.deliveries import Delivery, reading_hash
from pipelines.sources.landing import land
from pipelines.sources.mapping import create_candidates, map_landing
from pipelines.sources.masking import mask_landing, record_hits
from pipelines.sources.parquet_landing import parquet_schema
from pipelines.sources.postgresql_landing import keep_delivered_rows


def gather_candidates(
    gate: duckdb.DuckDBPyConnection,
    settings: Settings,
    feed: Feed,
    deliveries: list[Delivery],
    company: Company,
) -> list[Delivery]:
    """Fill `batches` and `candidates`; returns the deliveries whose files stayed as they were while they were read."""
    gate.execute(
        "create table batches (batch_id varchar, row_number bigint, source_system varchar, delivery_date date, "
        "part varchar, file varchar, file_hash varchar, reading_hash varchar, tolerance double, fault varchar, "
        "source_columns varchar, values_masked bigint default 0, rows_read bigint default 0, "
        "rows_quarantined bigint default 0)"
    )
    gate.execute("create table sensitive_hits (batch_id varchar, column_name varchar, hits bigint)")
    create_candidates(gate, feed)
    is_decided = copy_decisions(gate, settings, feed)
    gathered: list[Delivery] = []
    # Grouped by identity: sources hold dictionaries and cannot be hashed.
    alike = {
        delivery.batch_id: (id(delivery.source), delivery.is_archived, _schema(settings, delivery))
        for delivery in deliveries
    }
    order = sorted(deliveries, key=lambda delivery: alike[delivery.batch_id])
    for (_, is_archived, _), group in groupby(order, key=lambda delivery: alike[delivery.batch_id]):
        together = list(group)
        source = together[0].source
        reading = reading_hash(source)
        if is_archived:
            landed = land_from_archive(gate, settings, source, together)
            masked = {delivery.batch_id: delivery.values_masked for delivery in together}
        else:
            landed = land(gate, source, together, company.time_zone)
            together = [landed.changed.get(delivery.batch_id, delivery) for delivery in together]
            changed = [delivery.batch_id for delivery in together if not delivery.is_unchanged()]
            gate.execute("delete from landing where list_contains(?::varchar[], batch_id)", [changed])
            together = [delivery for delivery in together if delivery.batch_id not in changed]
            masked = mask_landing(gate, source)
            if kept := archived_files(settings, feed.name, [one.keeps for one in together if one.keeps]):
                keep_delivered_rows(gate, source, together, kept)
            store_landing(gate, settings, feed.name)
        record_hits(gate, source)
        insert_rows(
            gate,
            "insert into batches by name select *, 0 as row_number from rows",
            (*_BATCH_COLUMNS, "reading_hash", "tolerance", "fault", "source_columns", "values_masked"),
            [
                (
                    *_batch_columns(delivery),
                    reading,
                    feed.tolerance,
                    landed.faults.get(delivery.batch_id),
                    landed.columns.get(delivery.batch_id),
                    masked.get(delivery.batch_id, 0),
                )
                for delivery in together
            ],
        )
        map_landing(gate, source, company, settings)
        if is_decided:
            map_fixed(gate, source, company, settings)
        gathered += together
    gate.execute("drop table if exists landing")
    gate.execute(
        """
        alter table candidates rename to numbered;
        alter table numbered add column is_duplicate boolean default false;
        """
    )
    _mark_duplicates(gate, feed)
    gate.execute(
        """
        alter table numbered add column decision varchar;
        create view gate_rows as
        from numbered where not is_duplicate and unparsed is null and decision is distinct from 'discard';
        update batches set rows_read = counted.rows_read
        from (select batch_id, count(*) as rows_read from numbered group by batch_id) as counted
        where batches.batch_id = counted.batch_id;
        """
    )
    if is_decided:
        put_decided(gate, settings, feed)
    return gathered


def _mark_duplicates(gate: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Mark the rows that repeat an earlier row of their batch: alike by the hash of what came, and by every value.

    Numbering rows within their equals would sort every column of every row; few rows have an equal.
    """
    values = [*feed.raw_columns(), "unreadable_columns"]
    content = [name for name in values if name not in SYSTEM_COLUMNS | SNAPSHOT_COLUMNS]
    alike = " and ".join(
        f"numbered.{identifier(name)} is not distinct from firsts.{identifier(name)}" for name in content
    )
    gate.execute(
        f"""
        create temp table firsts as
        select numbered.*
        from numbered
        inner join (
            select batch_id, content_hash, min(row_number) as row_number
            from numbered
            where unparsed is null
            group by batch_id, content_hash
            having count(*) > 1
        ) as repeated using (batch_id, content_hash, row_number);
        update numbered set is_duplicate = true
        from firsts
        where
            numbered.unparsed is null
            and numbered.batch_id = firsts.batch_id
            and numbered.content_hash = firsts.content_hash
            and numbered.row_number > firsts.row_number
            and {alike};
        drop table firsts
        """
    )


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
