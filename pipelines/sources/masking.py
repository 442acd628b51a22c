"""Masks personal numbers in the table `landing` before it is archived, so that they are stored nowhere.

What a column is decides, not how its values look: most barcodes look like resident numbers. What the numbers look like
is in `personal_numbers.py`.
"""

from collections import defaultdict
from itertools import product

import duckdb

from pipelines.connections import identifier
from pipelines.contracts import Kind, feeds
from pipelines.sources.configuration import Source
from pipelines.sources.keyed_hash import hash_keys, hashed_columns
from pipelines.sources.landing_table import landed_name
from pipelines.sources.personal_numbers import SHORTEST_LENGTH, create_masking_macros

_NEVER_MASKED: frozenset[Kind | None] = frozenset({"key", "code", "amount"})

_ROWS_AT_ONCE = 500_000

_MACROS = r"""
-- JSON may write any character as \u and four digits; json() writes it as itself.
create or replace temp macro plain_record(record) as
    case when contains(record, '\u') and json_valid(record) then json(record)::varchar else record end;
-- A record of JSON in which a value is replaced by a text, wherever it stands as a text, a number or a whole object.
create or replace temp macro with_value(record, old, new) as
    list_transform(
        [{'record': case when json_valid(record) then json(record)::varchar end, 'old': old, 'new': new}],
        lambda given: case
            when given.old is null or given.new is null or given.old = given.new or given.record is null then record
            when regexp_full_match(given.old, '[0-9]+') then regexp_replace(
                replace(given.record, to_json(given.old)::varchar, to_json(given.new)::varchar),
                '([:,[])' || given.old || '([],}])',
                '\1"' || given.new || '"\2',
                'g'
            )
            when left(given.old, 1) in ('{', '[') then replace(given.record, given.old, given.new)
            else replace(given.record, to_json(given.old)::varchar, to_json(given.new)::varchar)
        end
    )[1];
"""


Kinds = dict[str, Kind | None]
"""What the columns of a landing hold, those of which some text is long enough to hold a personal number."""


def mask_landing(gate: duckdb.DuckDBPyConnection, source: Source, kinds: Kinds) -> dict[str, int]:
    """Mask `landing`, and hash the keys that the source says; batch_id -> how many of its values were masked.

    A value counts once, however many numbers it held. What a keyed hash replaced does not count.
    """
    create_masking_macros(gate)
    gate.execute(_MACROS)
    hash_keys(gate, source)
    typed = [name for name, kind in kinds.items() if kind in ("name", "contact", "free_text")]
    others = [name for name, kind in kinds.items() if kind is None]
    suspects = _find_suspects(gate, typed, others)
    if not suspects:
        return {}
    masks = {name: f"mask_any({identifier(name)})" for name in typed}
    masks |= {name: f"mask_hyphenated({_readable(name)})" for name in others}
    counts, changed = _count_changes(gate, masks)
    written = [f"{identifier(name)} = {masks[name]}" for name in changed]
    steps = [", ".join(written)] if written else []
    if source.format == "json_lines":
        # A record holds its columns' values again. First, because it is looked up by what they were.
        steps[:0] = [
            f"_record = with_value(_record, {identifier(name)}, {masks[name]})" for name in typed if name in changed
        ]
    # At once, the old and the new text of every row would have to fit into memory.
    for first, step in product(range(0, suspects, _ROWS_AT_ONCE), steps):
        gate.execute(
            f"""
            update landing set {step}
            from (select batch_id, row_number from suspects where rowid >= ? and rowid < ?) as chunk
            where landing.batch_id = chunk.batch_id and landing.row_number = chunk.row_number
            """,
            [first, first + _ROWS_AT_ONCE],
        )
    return counts


def record_hits(gate: duckdb.DuckDBPyConnection, source: Source, kinds: Kinds) -> None:
    """Add to `sensitive_hits` what looks like a personal number in keys, codes and amounts, which are never masked."""
    create_masking_macros(gate)
    hashed = [landed_name(name) for name in hashed_columns(source)]
    for name in [name for name, kind in kinds.items() if kind in _NEVER_MASKED and name not in hashed]:
        gate.execute(
            "insert into sensitive_hits by name select batch_id, ? as column_name, count(*) as hits "
            f"from landing where holds_any({identifier(name)}) group by batch_id",
            [name],
        )


def kinds_by_column(gate: duckdb.DuckDBPyConnection, source: Source) -> Kinds:
    """The text columns of `landing` that are long enough to hold a personal number, with what they hold.

    A column that fills several is of the kind that is never masked, if one of them is: a masked key would be the same
    key for everybody. None is a column that nothing maps, that holds no text of or about a person, or the record.
    """
    mapped: dict[str, set[Kind | None]] = defaultdict(set)
    for name, mapping in source.columns.items():
        if mapping.look_up:
            for theirs, own in (mapping.match or {}).items():
                mapped[landed_name(own)].add(feeds()[mapping.look_up].kind_of(theirs))
        for own in mapping.source_columns if not mapping.look_up else []:
            mapped[landed_name(own)].add(source.contract.kind_of(name))
    texts = [
        row[0]
        for row in gate.execute("describe landing").fetchall()
        if row[1] == "VARCHAR" and row[0] not in ("batch_id", "_unparsed")
    ]
    longest = gate.execute(
        f"select {', '.join(f'max(strlen({identifier(name)}))' for name in texts)} from landing"
    ).fetchone()
    assert longest is not None
    return {
        name: next((kind for kind in mapped[name] if kind in _NEVER_MASKED), None)
        or next((kind for kind in mapped[name] if kind), None)
        for name, length in zip(texts, longest, strict=True)
        if length is not None and length >= SHORTEST_LENGTH
    }


def _find_suspects(gate: duckdb.DuckDBPyConnection, typed: list[str], others: list[str]) -> int:
    """Create `suspects` (batch_id, row_number), the rows that may hold something to mask; returns how many."""
    conditions = [
        f"{test}(concat_ws('|', {', '.join(map(_readable, names))}))"
        for test, names in (("may_hold_any", typed), ("may_hold_hyphenated", others))
        if names
    ]
    gate.execute(
        "create or replace temp table suspects as select batch_id, row_number from landing "
        f"where {' or '.join(conditions) or 'false'}"
    )
    found = gate.execute("select count(*) from suspects").fetchone()
    assert found is not None
    return int(found[0])


def _count_changes(gate: duckdb.DuckDBPyConnection, masks: dict[str, str]) -> tuple[dict[str, int], list[str]]:
    """batch_id -> values that `masks`, by column, would change; and the columns in which there are any."""
    is_changed = {name: f"coalesce({mask} <> {_readable(name)}, false)" for name, mask in masks.items()}
    # The record holds the other values again: it counts where nothing else was masked.
    own = [changed for name, changed in is_changed.items() if name != "_record"]
    values = " + ".join(f"({one})::bigint" for one in own) or "0"
    values = f"greatest({values}, ({is_changed.get('_record', 'false')})::bigint)"
    rows_changed = ", ".join(f"count(*) filter ({changed})" for changed in is_changed.values())
    rows = gate.execute(
        f"select batch_id, sum({values})::bigint, {rows_changed} "
        "from landing semi join suspects using (batch_id, row_number) group by batch_id"
    ).fetchall()
    changed = [name for position, name in enumerate(masks, 2) if any(row[position] for row in rows)]
    return {row[0]: row[1] for row in rows if row[1]}, changed


def _readable(name: str) -> str:
    return "plain_record(_record)" if name == "_record" else identifier(name)
