"""Rows that somebody decided about, on their way through the gate: fixed ones with new values, discarded ones not.

A fixed row is judged instead of the row that came, together with the rest of its batch; the archive keeps what came.
"""

import duckdb

from pipelines.archive.batches import fill_records
from pipelines.connections import identifier, literal, reading
from pipelines.contracts import Feed
from pipelines.ledger.decisions import in_force
from pipelines.settings import Settings
from pipelines.sources.configuration import Company, Source
from pipelines.sources.landing_table import OWN_COLUMNS
from pipelines.sources.mapping import create_mapped_rows, map_landing


def copy_decisions(gate: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed) -> bool:
    """Create `decided` (batch_id, row_number, kind, held_for, content, record) and `fixed`, the mapped rows it makes.

    Tells whether anything was ever decided about rows of the feed.
    """
    with reading(gate, settings):
        gate.execute(
            "create table decided as "
            "select batch_id, row_number, kind, held_for, content, null::varchar as record "
            f"from ({in_force('warehouse.')}) where row_number is not null and feed = ?",
            [feed.name],
        )
    create_mapped_rows(gate, feed, "fixed")
    return bool(gate.execute("select 1 from decided limit 1").fetchone())


def map_fixed(gate: duckdb.DuckDBPyConnection, source: Source, company: Company, settings: Settings) -> None:
    """Add to `fixed` what the fixed rows of `landing` are now; leaves these alone in landing."""
    keep_fixed(gate)
    map_landing(gate, source, company, settings, "fixed")


def keep_fixed(gate: duckdb.DuckDBPyConnection) -> None:
    """Leave of `landing` the fixed rows alone, with the values they were given, cast to what they landed as."""
    keys = {key for (key,) in gate.execute("select distinct unnest(json_keys(content)) from decided").fetchall()}
    landed = gate.execute("select column_name, column_type from (describe landing)").fetchall()
    given = []
    for name, data_type in landed:
        if name in keys and name not in OWN_COLUMNS:
            pointer = literal(json_pointer(name))
            value = f"nullif(json_extract_string(decided.content, {pointer}), '')"
            column = f"landing.{identifier(name)}"
            given.append(
                f"case when json_exists(decided.content, {pointer}) then try_cast({value} as {data_type}) "
                f"else {column} end as {identifier(name)}"
            )
    replaced = ", ".join([*given, "null::varchar as _unparsed", "null::varchar as _record"])
    gate.execute(
        f"""
        create or replace table fixed_landing as
        select landing.* replace ({replaced})
        from landing
        inner join decided on landing.batch_id = decided.batch_id and landing.row_number = decided.row_number
        where decided.kind = 'fix';
        drop table landing;
        alter table fixed_landing rename to landing;
        """
    )


def put_decided(gate: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed) -> None:
    """Mark in `numbered` the rows that were decided about, and put the fixed ones in place of those that came.

    A row that repeats another of its batch was never held back, so it keeps its place. A fixed row that repeats another
    is a duplicate, whichever came first: what was loaded stays loaded.
    """
    gate.execute(
        """
        update numbered set decision = decided.kind
        from decided
        where
            numbered.batch_id = decided.batch_id
            and numbered.row_number = decided.row_number
            and not numbered.is_duplicate;
        delete from decided
        where (batch_id, row_number) not in (select (batch_id, row_number) from numbered where decision is not null);
        delete from fixed
        where (batch_id, row_number) not in (select (batch_id, row_number) from numbered where decision = 'fix');
        delete from numbered where (batch_id, row_number) in (select (batch_id, row_number) from fixed);
        insert into numbered by name select *, false as is_duplicate, 'fix' as decision from fixed;
        update numbered set is_duplicate = true
        where
            decision = 'fix'
            and exists (
                from numbered as others
                where
                    others.batch_id = numbered.batch_id
                    and others.content_hash = numbered.content_hash
                    and others.unparsed is null
                    and not others.is_duplicate
                    and (
                        others.decision is null
                        or (others.decision = 'fix' and others.row_number < numbered.row_number)
                    )
            );
        """
    )
    fill_records(gate, settings, feed.name, "decided")


def json_pointer(name: str) -> str:
    """The JSON pointer of a key of an object."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
