"""What an erasure takes out of schema `state` and `identity`: decisions about a person's rows, and the identity ledger.

Nothing remakes these tables, so rows stay where they can stand without the person, under -3 in the place of ids.
"""

from __future__ import annotations

import duckdb

from pipelines.contracts import feeds
from pipelines.identity.spellings import bring_up_spellings
from pipelines.person.erased_marks import ERASED
from pipelines.person.holdings import Holdings
from pipelines.privacy.erased_rows import kept_columns
from pipelines.privacy.journal import Journal
from pipelines.sources.configuration import SourcesFile

REWRITTEN = (
    "accesses",
    "decisions",
    "erased_batches",
    "erasures",
    "identity_assignments",
    "identity_events",
    "identity_overrides",
)
"""The tables whose copies are made anew."""

_REASON = "erased"


def note(warehouse: duckdb.DuckDBPyConnection, begun: Journal) -> None:
    """Note the erasure and its tombstones, within the caller's transaction, unless a killed one has done so."""
    number = begun.erasure_number
    if warehouse.execute("select 1 from state.erasures where erasure_number = ?", [number]).fetchone():
        return
    warehouse.execute(
        "insert into state.erasures by name select "
        "? as erasure_number, ? as mode, ? as erased_date, ? as persons, ? as decided_by, ? as decided_at, "
        "? as reason, ? as separated_file, ? as destroy_date",
        [
            number,
            begun.mode,
            begun.erased_date,
            begun.persons,
            begun.decided_by,
            begun.decided_at,
            begun.reason,
            begun.separated_file,
            begun.destroy_date,
        ],
    )
    warehouse.execute(
        "insert into state.tombstones by name select "
        "? as erasure_number, unnest(?::varchar[]) as kind, unnest(?::varchar[]) as hash, ? as erased_date",
        [
            number,
            [kind for kind, _ in begun.tombstones],
            [found for _, found in begun.tombstones],
            begun.erased_date,
        ],
    )


def note_batches(warehouse: duckdb.DuckDBPyConnection, begun: Journal) -> None:
    """Note which batches were rewritten, and the hash of what they are now; needs `erased_files` and `marks`."""
    warehouse.execute("delete from state.erased_batches where erasure_number = ?", [begun.erasure_number])
    warehouse.execute(
        """
        insert into state.erased_batches by name
        select
            ? as erasure_number,
            erased_files.feed,
            erased_files.batch_id,
            count(*) filter (marks.mark = '') as rows_removed,
            count(*) filter (marks.mark <> '') as rows_changed,
            any_value(erased_files.archive_hash) as archive_hash,
        from erased_files
        inner join marks using (feed, batch_id)
        inner join erased_rows using (feed, batch_id, row_number)
        group by all
        order by all
        """,
        [begun.erasure_number],
    )


def erase_decisions(warehouse: duckdb.DuckDBPyConnection, sources_file: SourcesFile, begun: Journal) -> None:
    """Take out of decisions about the rows of `marks` what they say of the person, and out of every reason its values.

    Of a row that lost its person, a fix keeps the values of columns about things.
    """
    for feed in feeds().values():
        kept = {name for source in sources_file.of_feed(feed.name) for name in kept_columns(source)}
        warehouse.execute(
            """
            update state.decisions set content = kept.content, reason = $reason
            from (
                select
                    decisions.decision_number,
                    if(
                        marks.mark <> '' and decisions.content is not null,
                        to_json(map_from_entries(list_filter(
                            list_transform(
                                json_keys(decisions.content::json),
                                lambda key: (key, json_extract_string(
                                    decisions.content, '/' || replace(replace(key, '~', '~0'), '/', '~1')
                                ))
                            ),
                            lambda field: list_contains($kept::varchar[], field[1])
                        )))::varchar,
                        null
                    ) as content,
                from state.decisions as decisions
                inner join marks using (feed, batch_id, row_number)
                where decisions.feed = $feed
            ) as kept
            where decisions.decision_number = kept.decision_number
            """,
            {"feed": feed.name, "kept": sorted(kept), "reason": _REASON},
        )
    holdings = Holdings(begun.person, begun.own_names)
    for table, key in (
        ("decisions", "decision_number"),
        ("identity_overrides", "override_number"),
        ("erasures", "erasure_number"),
        ("accesses", "access_number"),
    ):
        holdings.collect_telling(warehouse, "telling_reasons", f"state.{table}", [key], "reason")
        warehouse.execute(
            f"update state.{table} set reason = $reason where {key} in (from telling_reasons)", {"reason": _REASON}
        )


def erase_identity(warehouse: duckdb.DuckDBPyConnection, begun: Journal) -> None:
    """Take the person's records out of the identity ledger, of what resolving keeps, and of the log of accesses.

    Raw must be without the person: spellings that no row has any longer are forgotten.
    """
    ids = {"ids": begun.ids}
    theirs = "in (select unnest($ids::varchar[]))"
    warehouse.execute(f"delete from state.identity_assignments where record_id {theirs} or customer_id {theirs}", ids)
    for column in ("customer_id", "other_customer_id", "record_a", "record_b"):
        warehouse.execute(f"update state.identity_events set {column} = '{ERASED}' where {column} {theirs}", ids)
    for column in ("record_a", "record_b"):
        # Two overrides about erased records are not about the same one.
        warehouse.execute(
            f"update state.identity_overrides set {column} = '{ERASED}:' || override_number where {column} {theirs}",
            ids,
        )
    # The user who looked stays. The person looked at, and the name of the file that was written, do not.
    warehouse.execute(
        f"update state.accesses set customer_id = '{ERASED}', reason = $reason, written_to = null "
        f"where customer_id {theirs}",
        ids | {"reason": _REASON},
    )
    tables = {
        table
        for (table,) in warehouse.execute(
            "select table_name from duckdb_tables() where schema_name = 'identity'"
        ).fetchall()
    }
    for table, columns in (
        ("records", ("record_id",)),
        ("phones", ("record_id",)),
        ("edges", ("record_a", "record_b")),
        ("review", ("record_a", "record_b")),
    ):
        if table in tables:
            condition = " or ".join(f"{column} {theirs}" for column in columns)
            warehouse.execute(f"delete from identity.{table} where {condition}", ids)
    bring_up_spellings(warehouse)
