"""The archive: every batch as it landed, in Parquet, so that it can be loaded again without its source.

A folder per batch, `archive/<feed>/batch_id=<id>/`; it is complete as soon as it is there. Landing the same file anew
replaces it, because a mended codec or delimiter reads it better.
"""

import shutil
from pathlib import Path

import duckdb

from pipelines.archive.manifest import Manifest
from pipelines.connections import exact_name, identifier, literal
from pipelines.errors import UsageError
from pipelines.settings import Settings
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.deliveries import Delivery, source_of
from pipelines.sources.json_lines_landing import with_paths
from pipelines.sources.landing_table import Landed, create_empty_landing, landed_name
from pipelines.sources.parquet_landing import parquet_schema

_ASIDE = "replaced-"


def store_landing(gate: duckdb.DuckDBPyConnection, settings: Settings, feed: str) -> None:
    """Write the table `landing` into the archive, in place of what an earlier landing of the same batches left."""
    staging = settings.scratch / f"archive-{feed}"
    shutil.rmtree(staging, ignore_errors=True)
    gate.execute(f"copy landing to {literal(staging)} (format parquet, compression zstd, partition_by (batch_id))")
    target = settings.archive / feed
    target.mkdir(parents=True, exist_ok=True)
    for folder in sorted(staging.glob("batch_id=*")):
        put_batch(folder, target / folder.name)
    shutil.rmtree(staging, ignore_errors=True)


def put_batch(folder: Path, place: Path) -> None:
    """Move a batch's new folder into its place; what recover_archive finds at any instant between is one of the two."""
    if place.exists():
        aside = place.with_name(_ASIDE + place.name)
        shutil.rmtree(aside, ignore_errors=True)
        manifest = place / "manifest.json"
        if manifest.exists():
            shutil.copy2(manifest, folder)
        place.rename(aside)
        folder.rename(place)
        shutil.rmtree(aside)
    else:
        folder.rename(place)


def recover_archive(settings: Settings, feed: str) -> None:
    """Finish what a killed process left half done: a batch that was put aside comes back where nothing replaced it."""
    for aside in sorted((settings.archive / feed).glob(f"{_ASIDE}batch_id=*")):
        place = aside.with_name(aside.name.removeprefix(_ASIDE))
        if place.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(place)


def archived_delivery(sources_file: SourcesFile, manifest: Manifest) -> Delivery:
    """A batch as a delivery that is read from the archive.

    Raises UsageError where the sources file no longer says how it is read.
    """
    source = source_of(sources_file, manifest.feed, manifest.source_system, Path(manifest.file))
    if source is None:
        raise UsageError(
            f"the archive holds {manifest.feed} from {manifest.source_system}, such as {manifest.file}, and the "
            "sources file has no entry for it",
            "put the entry back; with `until` it expects nothing more",
        )
    return Delivery(
        source,
        Path(manifest.file),
        manifest.delivery_date,
        manifest.part,
        manifest.size,
        manifest.modified_nanoseconds,
        manifest.file_hash,
        is_archived=True,
        fault=manifest.fault,
        source_columns=manifest.source_columns,
        values_masked=manifest.values_masked,
    )


def land_from_archive(
    gate: duckdb.DuckDBPyConnection, settings: Settings, source: Source, deliveries: list[Delivery]
) -> Landed:
    """Create the table `landing` from archived deliveries of one source, of which all but text files are of one schema.

    A batch without rows has no file and adds none. A path into JSON that was mapped only later is read from the record.
    """
    gate.execute("drop table if exists landing")
    if files := archived_files(settings, source.feed, [delivery.batch_id for delivery in deliveries]):
        archived_rows(gate, source, files).create("landing")
    else:
        create_empty_landing(gate)
    return Landed(
        {delivery.batch_id: delivery.fault for delivery in deliveries if delivery.fault},
        {delivery.batch_id: delivery.source_columns for delivery in deliveries if delivery.source_columns},
    )


def archived_rows(connection: duckdb.DuckDBPyConnection, source: Source, files: list[str]) -> duckdb.DuckDBPyRelation:
    """The rows of archived `files` of one source, which are of one schema, in the shape of landing."""
    archived = connection.sql(
        "select batch_id::varchar as batch_id, * exclude (batch_id) "
        f"from read_parquet([{', '.join(literal(exact_name(file)) for file in files)}], "
        "union_by_name = true, hive_partitioning = true, hive_types_autocast = false)"
    )
    new = [path for path in source.source_columns if landed_name(path) not in archived.columns]
    if source.format == "json_lines" and new:
        archived = archived.query("archived", with_paths("archived", new))
    return archived


def fill_records(gate: duckdb.DuckDBPyConnection, settings: Settings, feed: str, table: str) -> None:
    """Fill `record` of `table` (batch_id, row_number, record), where it is null, with the archived row as JSON."""
    batches = [row[0] for row in gate.execute(f"select distinct batch_id from {identifier(table)}").fetchall()]
    alike: dict[str, list[str]] = {}
    for file in archived_files(settings, feed, batches):
        alike.setdefault(parquet_schema(Path(file)), []).append(file)
    for files in alike.values():
        gate.execute(
            f"""
                update {identifier(table)} as held
                set record = coalesce(held.record, archived.record)
                from (
                    select batch_id, row_number, coalesce(_record, to_json(landed)::varchar) as record
                    from read_parquet(
                        ?, union_by_name = true, hive_partitioning = true, hive_types_autocast = false
                    ) as landed
                ) as archived
                where held.batch_id = archived.batch_id and held.row_number = archived.row_number
                """,
            [[exact_name(file) for file in files]],
        )


def archived_files(settings: Settings, feed: str, batches: list[str]) -> list[str]:
    """The paths of the archived `batches`, a batch without rows having none."""
    folders = (settings.archive / feed / f"batch_id={batch}" for batch in batches)
    return [str(file) for folder in folders for file in sorted(Path(folder).glob("*.parquet"))]
