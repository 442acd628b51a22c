"""The rows of one feed's deliveries, landed, archived and mapped, side by side in the file that the gate judges.

Leaves `batches`, one line per delivery, and `numbered`, every row read, of which `gate_rows` are those to be judged.
"""

from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.archive import archived_files, land_from_archive, store_landing
from pipelines.connections import insert_rows
from pipelines.contracts import Feed
from pipelines.settings import Settings
from pipelines.sources.configuration import Company
from pipelines.sources.deliveries import Delivery, reading_hash
from pipelines.sources.landing import land
from pipelines.sources.mapping import create_candidates, map_landing
from pipelines.sources.parquet_landing import parquet_schema


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
        "rows_read bigint, rows_quarantined bigint)"
    )
    create_candidates(gate, feed)
    landed: list[Delivery] = []
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
            land_from_archive(gate, settings, feed.name, [delivery.batch_id for delivery in together])
            faults = {delivery.batch_id: delivery.fault for delivery in together if delivery.fault}
        else:
            faults = land(gate, source, together)
            changed = [delivery.batch_id for delivery in together if not delivery.is_unchanged()]
            gate.execute("delete from landing where list_contains(?::varchar[], batch_id)", [changed])
            together = [delivery for delivery in together if delivery.batch_id not in changed]
            store_landing(gate, settings, feed.name)
        insert_rows(
            gate,
            "insert into batches by name select *, 0 as row_number, 0 as rows_read, 0 as rows_quarantined from rows",
            (*_BATCH_COLUMNS, "reading_hash", "tolerance", "fault"),
            [
                (*_batch_columns(delivery), reading, feed.tolerance, faults.get(delivery.batch_id))
                for delivery in together
            ],
        )
        map_landing(gate, source, company, settings)
        landed += together
    gate.execute("drop table if exists landing")
    gate.execute(
        """
        alter table candidates rename to numbered;
        alter table numbered add column is_duplicate boolean default false;
        -- Numbering rows within their equals would sort every column of every row; few rows have an equal.
        update numbered set is_duplicate = true
        from (
            select batch_id, row_hash, min(row_number) as first_row_number
            from numbered
            where unparsed is null
            group by batch_id, row_hash
            having count(*) > 1
        ) as repeated
        where
            numbered.unparsed is null
            and numbered.batch_id = repeated.batch_id
            and numbered.row_hash = repeated.row_hash
            and numbered.row_number > repeated.first_row_number;
        create view gate_rows as from numbered where not is_duplicate and unparsed is null;
        update batches set rows_read = counted.rows_read
        from (select batch_id, count(*) as rows_read from numbered group by batch_id) as counted
        where batches.batch_id = counted.batch_id;
        """
    )
    return landed


def _schema(settings: Settings, delivery: Delivery) -> str:
    """Tells deliveries of typed files apart that cannot stand in one table."""
    if delivery.source.format != "parquet":
        return ""
    if not delivery.is_archived:
        return parquet_schema(delivery.path)
    files = archived_files(settings, delivery.source.feed, [delivery.batch_id])
    return parquet_schema(Path(files[0])) if files else ""


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
