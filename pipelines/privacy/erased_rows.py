"""What stands in the place of an erased person's rows: in the archive, in raw, and on the way through the gate.

In the archive a row keeps its number, and `_erased` says what became of it. Empty: nothing of it is left, and it
counts as blocked when its batch is read again. ERASED, alone or before a colon: it lost the person, in whose key's
place this stands, and counts as before. What a row loses is every source column but those that fill columns about
things; one that fills both, as a key put together with a customer's number, has a pseudonym instead.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from pipelines.archive.batches import archived_rows, fill_records, put_batch
from pipelines.archive.manifest import batch_folder
from pipelines.connections import exact_name, identifier, literal
from pipelines.contracts import Feed, feeds
from pipelines.home.durable import synchronise
from pipelines.person.erased_marks import ERASED, personal_columns, values_instead
from pipelines.person.holdings import archived_batches, archived_by_source
from pipelines.person.person import REGISTER
from pipelines.settings import Settings
from pipelines.sources.configuration import Mapping, Source, SourcesFile
from pipelines.sources.landing_table import OWN_COLUMNS, landed_name
from pipelines.sources.mapping import landed_value

_PORTION_BYTES = 64 << 20

# A pseudonym has no digits, so that it is nobody's telephone number.
_LETTERS = "translate(left({hash}, 16), '0123456789', 'ghijklmnop')"


def loses_rows(feed: Feed) -> bool:
    """Whether an erasure removes rows of the feed whole. Rows of other feeds stay, and lose the person."""
    return feed.name == REGISTER


def _key_columns(feed: Feed) -> list[str]:
    """The personal columns of the feed's key. A pseudonym in their place keeps rows distinct."""
    return [name for name in personal_columns(feed) if name in feed.key]


def lost_columns(source: Source, landed: Iterable[str]) -> tuple[list[str], list[str]]:
    """The columns of landing that an erased row loses, and those that get a pseudonym because they identify things."""
    personal = {*personal_columns(source.contract)}
    personal |= {column.companion for column in source.contract.columns if column.name in personal and column.companion}
    about_persons = {name for target in personal if (one := source.columns.get(target)) for name in _told_by(one)}
    about_things = {
        name
        for target, one in source.columns.items()
        if target not in personal
        for name in [*_told_by(one), *_looked_up_by(one)]
    } | {name for one in source.columns.values() for name in _looked_up_by(one) if name not in about_persons}
    own = [name for name in landed if name not in OWN_COLUMNS]
    return [name for name in own if name not in about_things], [n for n in own if n in about_things & about_persons]


def kept_columns(source: Source) -> list[str]:
    """The mapped columns of landing that an erased row keeps as they are."""
    landed = [landed_name(name) for name in source.source_columns]
    lost, mixed = lost_columns(source, landed)
    return [name for name in landed if name not in (*lost, *mixed)]


def _told_by(mapping: Mapping) -> list[str]:
    """The source's columns whose values a mapping gives on."""
    names = [mapping.column, *(mapping.columns or ()), *(mapping.multiply or ())]
    return [landed_name(name) for name in names if name]


def _looked_up_by(mapping: Mapping) -> list[str]:
    return [landed_name(name) for name in (mapping.match or {}).values()]


def rewrite_archive(
    connection: duckdb.DuckDBPyConnection, settings: Settings, sources_file: SourcesFile, salt: str
) -> None:
    """Rewrite every archived batch that has rows in `erased_rows` (feed, batch_id, row_number, is_whole).

    Creates `erased_files` (feed, batch_id, archive_hash), the batches with the hash of what their files are now. A kill
    leaves each batch as it was or as it will be; the same call again changes nothing that is done.
    """
    connection.execute(
        "create or replace temp table erased_files (feed varchar, batch_id varchar, archive_hash varchar)"
    )
    for feed in feeds().values():
        wanted = {
            batch_id
            for (batch_id,) in connection.execute(
                "select distinct batch_id from erased_rows where feed = ?", [feed.name]
            ).fetchall()
        }
        if not wanted:
            continue
        batches = archived_batches(settings, sources_file, feed)
        theirs = {batch_id: source for batch_id, source in batches.items() if batch_id in wanted}
        for source, files in archived_by_source(settings, feed, theirs):
            for portion in _portions(files):
                _rewrite(connection, settings, source, portion, salt)


def _portions(files: list[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    size = 0
    for file in files:
        if portion and size + Path(file).stat().st_size > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(file)
        size += Path(file).stat().st_size
    if portion:
        yield portion


def _rewrite(
    connection: duckdb.DuckDBPyConnection, settings: Settings, source: Source, files: list[str], salt: str
) -> None:
    feed = source.contract
    archived = archived_rows(connection, source, files)
    landed = dict(zip(archived.columns, map(str, archived.types), strict=True))
    lost, mixed = lost_columns(source, landed)
    is_erased, is_whole = "erased_rows.row_number is not null", "erased_rows.is_whole"
    columns = []
    for name in landed:
        column = f"landing.{identifier(name)}"
        if name in ("batch_id", "row_number"):
            columns.append(column)
        elif name in OWN_COLUMNS:
            if name != "_erased":
                columns.append(f"case when not ({is_erased}) then {column} end as {identifier(name)}")
        elif name in mixed:
            kept = f"when not coalesce({is_erased}, false) then {column}::varchar"
            pseudonym = f"when {is_whole} then null else {_pseudonym(salt, [f'{column}::varchar'])}"
            again = f"starts_with({column}::varchar, {literal(ERASED + ':')})"
            columns.append(f"case {kept} when {again} then {column}::varchar {pseudonym} end as {identifier(name)}")
        else:
            condition = is_erased if name in lost else f"{is_whole} is true"
            columns.append(f"case when not coalesce({condition}, false) then {column} end as {identifier(name)}")
    before = "landing._erased" if "_erased" in landed else "null::varchar"
    staging = settings.scratch / f"erased-{feed.name}"
    shutil.rmtree(staging, ignore_errors=True)
    connection.execute(
        f"""
        copy (
            select
                {", ".join(columns)},
                coalesce({before}, case when {is_whole} then '' when {is_erased} then {_mark(source, landed, salt)} end)
                    as _erased
            from ({archived.sql_query()}) as landing
            left join erased_rows
                on erased_rows.feed = {literal(feed.name)}
                and landing.batch_id = erased_rows.batch_id
                and landing.row_number = erased_rows.row_number
        ) to {literal(staging)} (format parquet, compression zstd, partition_by (batch_id))
        """
    )
    for folder in sorted(staging.glob("batch_id=*")):
        batch_id = folder.name.removeprefix("batch_id=")
        written = sorted(folder.glob("*.parquet"))
        digest = hashlib.blake2b()
        for file in written:
            digest.update(file.read_bytes())
        synchronise([*written, folder])
        put_batch(folder, batch_folder(settings, feed.name, batch_id))
        connection.execute("insert into erased_files values (?, ?, ?)", [feed.name, batch_id, digest.hexdigest()[:32]])
    shutil.rmtree(staging, ignore_errors=True)


def _mark(source: Source, landed: dict[str, str], salt: str) -> str:
    """The SQL of what stands in the place of a row's person: ERASED, or where it is of the key, a pseudonym."""
    keys = _key_columns(source.contract)
    return _pseudonym(salt, [landed_value(source, name, landed) for name in keys]) if keys else literal(ERASED)


def _pseudonym(salt: str, values: list[str]) -> str:
    """The SQL of what stands for these values, which nobody finds out without the salt, which nobody keeps."""
    texts = ", ".join(f"coalesce({value}, '')" for value in values)
    hashed = _LETTERS.format(hash=f"md5(concat_ws('|', {literal(salt)}, {texts}))")
    return f"{literal(ERASED + ':')} || {hashed}"


def read_marks(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Create `marks` (feed, batch_id, row_number, mark) of `erased_rows`: what the archive has for them in `_erased`.

    A row that is in raw, and in no file of the archive, is marked by what it is.
    """
    files = warehouse.execute("select feed, batch_id from erased_files").fetchall()
    paths = [
        exact_name(file)
        for feed, batch_id in files
        for file in sorted(batch_folder(settings, feed, batch_id).glob("*.parquet"))
    ]
    archived = (
        f"select batch_id, row_number, _erased from read_parquet([{', '.join(map(literal, paths))}], "
        "union_by_name = true, hive_partitioning = true, hive_types_autocast = false)"
        if paths
        else "select null::varchar as batch_id, null::bigint as row_number, null::varchar as _erased limit 0"
    )
    warehouse.execute(
        f"""
        create or replace temp table marks as
        select
            erased_rows.feed,
            erased_rows.batch_id,
            erased_rows.row_number,
            coalesce(archived._erased, if(erased_rows.is_whole, '', {literal(ERASED)})) as mark,
        from erased_rows
        left join ({archived}) as archived using (batch_id, row_number)
        """
    )


def erase_raw(warehouse: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Take from the feed's raw table what `marks` (feed, batch_id, row_number, mark) says."""
    raw = identifier("raw", feed.name)
    same = f"raw.batch_id = marks.batch_id and raw.row_number = marks.row_number and marks.feed = {literal(feed.name)}"
    warehouse.execute(f"delete from {raw} as raw using marks where {same} and marks.mark = ''")
    values = [
        f"{identifier(name)} = {value}" for name, value in values_instead(feed, "marks.mark", "raw.source_system")
    ]
    if values:
        warehouse.execute(f"update {raw} as raw set {', '.join(values)} from marks where {same} and marks.mark <> ''")


def erase_keys_of_things(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, sources_file: SourcesFile, feed: Feed
) -> None:
    """Give the raw rows of `marks` the keys that the archive gives them now, where the person's is part of one."""
    personal = personal_columns(feed)
    for source, files in archived_by_source(settings, feed, archived_batches(settings, sources_file, feed)):
        _, mixed = lost_columns(source, [landed_name(name) for name in source.source_columns])
        things = [
            target
            for target, mapping in source.columns.items()
            if target not in personal
            and target in feed.columns_by_name
            and not set(mixed).isdisjoint(_told_by(mapping))
        ]
        if not things:
            continue
        archived = archived_rows(warehouse, source, files)
        landed = dict(zip(archived.columns, map(str, archived.types), strict=True))
        if "_erased" not in landed:
            continue
        values = ", ".join(f"{landed_value(source, name, landed)} as {identifier(name)}" for name in things)
        warehouse.execute(
            f"create or replace temp table told as select landing.batch_id, landing.row_number, {values} "
            f"from ({archived.sql_query()}) as landing "
            f"inner join marks on marks.feed = {literal(feed.name)} and landing.batch_id = marks.batch_id "
            "and landing.row_number = marks.row_number where marks.mark <> ''"
        )
        setting = ", ".join(f"{identifier(name)} = told.{identifier(name)}" for name in things)
        warehouse.execute(
            f"update {identifier('raw', feed.name)} as raw set {setting} from told "
            "where raw.batch_id = told.batch_id and raw.row_number = told.row_number"
        )


def erase_quarantine(warehouse: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed) -> None:
    """Take from the quarantine what `marks` says; a row that lost its person gets the record that is archived now."""
    held = "quarantine.rows.feed = marks.feed and quarantine.rows.batch_id = marks.batch_id "
    held += f"and quarantine.rows.row_number = marks.row_number and marks.feed = {literal(feed.name)}"
    warehouse.execute(f"delete from quarantine.rows using marks where {held} and marks.mark = ''")
    warehouse.execute(
        f"create or replace temp table refilled as select rows.batch_id, rows.row_number, null::varchar as record "
        f"from quarantine.rows as rows inner join marks using (feed, batch_id, row_number) "
        f"where rows.feed = {literal(feed.name)}"
    )
    if not warehouse.execute("from refilled limit 1").fetchone():
        return
    fill_records(warehouse, settings, feed.name, "refilled")
    warehouse.execute(
        "update quarantine.rows set record = refilled.record from refilled "
        f"where rows.feed = {literal(feed.name)} and rows.batch_id = refilled.batch_id "
        "and rows.row_number = refilled.row_number"
    )
