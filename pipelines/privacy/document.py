"""All that is held of one person as one JSON document, to answer a data subject's request."""

import json
from typing import Any

import duckdb

from pipelines.archive.batches import fill_records
from pipelines.connections import has_table, identifier, literal
from pipelines.contracts import feeds
from pipelines.identity.evidence import edges_of, events, golden_record, records_of
from pipelines.person.holdings import Holdings
from pipelines.person.person import Person
from pipelines.settings import Settings

# Where a row came from, and what became of it. Of a batch that was loaded again, the last line counts.
_PLACES = """
create or replace temp table places as
with lines as (
    from ledger.loads qualify load_number = max(load_number) over (partition by batch_id)
)
select
    theirs.feed,
    theirs.batch_id,
    theirs.row_number,
    arg_max(theirs.way, theirs.is_raw) as belongs_by,
    bool_or(theirs.is_raw) as is_raw,
    any_value(lines.source_system) as source_system,
    any_value(lines.file) as file,
    any_value(lines.delivery_date) as delivery_date,
    case
        when bool_or(theirs.is_raw) then 'loaded'
        when any_value(held.status) is not null then 'held back: ' || any_value(held.status)
        when bool_or(lines.is_retracted) then 'withdrawn'
        when not bool_or(lines.is_current) then 'superseded'
        else 'equal to another row'
    end as fate,
    any_value(held.reasons) as reasons,
    null::varchar as record,
from person_rows as theirs
left join lines on theirs.batch_id = lines.batch_id
left join quarantine.rows as held on theirs.batch_id = held.batch_id and theirs.row_number = held.row_number
group by theirs.feed, theirs.batch_id, theirs.row_number
"""


def person_document(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, person: Person, holdings: Holdings
) -> dict[str, Any]:
    """The document, of values that JSON has. Needs the temporary table that `find_holdings` made in `warehouse`.

    `sources` has each row as it is in raw, or else as it was delivered, once; `published` has the person's rows of the
    file that readers open, by customer_id.
    """
    return {
        "customer_id": person.customer_id,
        "former_customer_ids": list(person.former_ids),
        "identity": _identity(warehouse, person),
        "sources": _sources(warehouse, settings),
        "decisions": _decisions(warehouse, holdings),
        "published": _published(warehouse, settings, person),
    }


def _identity(warehouse: duckdb.DuckDBPyConnection, person: Person) -> dict[str, Any]:
    found: dict[str, Any] = {
        "records": [
            {"source_system": one.source_system, "customer_key": one.customer_key, "record_id": one.record_id}
            for one in person.records
        ]
    }
    if not has_table(warehouse, "identity", "records"):
        return found
    by_id = {one.record_id: one for one in records_of(warehouse, person.customer_id)}
    for record in found["records"]:
        if known := by_id.get(record["record_id"]):
            record |= {"joined_by": known.rule, "first_delivery_date": str(known.first_delivery_date)}
    found["evidence"] = [
        {"records": [edge.one, edge.other], "rule": edge.rule, "evidence": edge.text}
        for edge in edges_of(warehouse, person.customer_id)
    ]
    found["events"] = [
        {
            "event_number": event.event_number,
            "kind": event.kind,
            "customer_id": event.customer_id,
            "other_customer_id": event.other_customer_id,
            "rule": event.rule,
            "recorded_at": str(event.recorded_at),
        }
        for event in events(warehouse, person.customer_id, last=1000)
    ]
    found["golden_record"] = [
        {"attribute": attribute, "value": value, "from_record": record, "since": str(since)}
        for attribute, value, record, since in golden_record(warehouse, person.customer_id)
    ]
    return found


def _sources(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, Any]:
    warehouse.execute(_PLACES)
    told: dict[str, Any] = {}
    for name, feed in feeds().items():
        warehouse.execute("create or replace temp table theirs as from places where feed = ?", [name])
        if not warehouse.execute("select 1 from theirs limit 1").fetchone():
            continue
        columns = ", ".join(f"{identifier(column)} := loaded.{identifier(column)}" for column in feed.raw_columns())
        warehouse.execute(
            f"""
            update theirs set record = to_json(struct_pack({columns}))
            from {identifier("raw", name)} as loaded
            where theirs.is_raw and theirs.batch_id = loaded.batch_id and theirs.row_number = loaded.row_number
            """
        )
        fill_records(warehouse, settings, name, "theirs")
        rows = warehouse.execute(
            "select file, row_number, delivery_date::varchar, source_system, batch_id, belongs_by, fate, reasons, "
            "record from theirs order by delivery_date, batch_id, row_number"
        ).fetchall()
        told[name] = {"description": feed.description, "rows": [_told(row) for row in rows]}
    return told


def _told(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("file", "row_number", "delivery_date", "source_system", "batch_id", "belongs_by", "fate", "reasons")
    told = {name: value for name, value in zip(names, row[:-1], strict=True) if value is not None}
    return told | {"row": _as_json(row[-1])}


def _as_json(text: str | None) -> Any:
    """The values of a record that is JSON; any other record as the text that it is."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _decisions(warehouse: duckdb.DuckDBPyConnection, holdings: Holdings) -> list[dict[str, Any]]:
    """What was decided about the person's rows, and about rows that a fix made the person's, oldest first."""
    holdings.collect_telling(warehouse, "telling_decisions", "state.decisions", ["decision_number"], "content")
    rows = warehouse.execute(
        """
        select to_json(decisions)
        from state.decisions as decisions
        where
            (batch_id, row_number) in (select (batch_id, row_number) from person_rows)
            or decision_number in (from telling_decisions)
        order by decision_number
        """
    ).fetchall()
    decisions = [json.loads(row) for (row,) in rows]
    return [decision | {"content": _as_json(decision["content"])} for decision in decisions]


def _published(warehouse: duckdb.DuckDBPyConnection, settings: Settings, person: Person) -> dict[str, Any]:
    """Table -> the person's rows in it."""
    if not settings.published_file.exists():
        return {}
    warehouse.execute(f"attach {literal(settings.published_file)} as published (read_only)")
    try:
        tables = warehouse.execute(
            "select schema_name, table_name from duckdb_columns() "
            "where database_name = 'published' and column_name = 'customer_id' order by all"
        ).fetchall()
        told = {}
        for schema, table in tables:
            name = identifier("published", schema, table)
            rows = warehouse.execute(
                f"select to_json(found) from {name} as found where customer_id in $ids",
                {"ids": [person.customer_id, *person.former_ids]},
            ).fetchall()
            told[f"{schema}.{table}"] = [json.loads(row) for (row,) in rows]
        return told
    finally:
        warehouse.execute("detach published")
