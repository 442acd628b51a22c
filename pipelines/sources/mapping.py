"""From landed rows to candidates: the sources file's mapping, and the one cast from text into the contract's types.

A value that cannot be cast becomes null and its column is named in `unreadable_columns`; the gate judges it.
"""

from dataclasses import dataclass

import duckdb

from pipelines.connections import identifier, literal
from pipelines.contracts import Column, Feed, feeds
from pipelines.settings import Settings
from pipelines.sources.configuration import Company, Mapping, Source
from pipelines.sources.landing import source_expression
from pipelines.sources.landing_table import landed_name

# A sign or a letter after the time of day. Cast to a timestamp without a zone, DuckDB would silently drop it.
_UTC_OFFSET = "'[^:]*:.*[-+a-zA-Z].*'"


def create_candidates(gate: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Create the empty table `candidates`: the raw table's columns and what the gate needs beside them."""
    columns = feed.raw_columns() | {
        "delivery_ends_at": "timestamp",
        "unreadable_columns": "varchar",
        "is_undecodable": "boolean",
        "unparsed": "varchar",
        "record": "varchar",
    }
    definitions = ", ".join(f"{identifier(name)} {data_type}" for name, data_type in columns.items())
    gate.execute(f"create or replace table candidates ({definitions})")


def map_landing(gate: duckdb.DuckDBPyConnection, source: Source, company: Company, settings: Settings) -> None:
    """Add the rows of `landing` to `candidates`, mapped onto the contract and cast.

    Needs the table `batches` (batch_id, delivery_date). A look-up reads the other feed as it was known on the
    delivery date.
    """
    landed_types = {row[0]: row[1] for row in gate.execute("describe landing").fetchall()}
    targets = _targets(source)
    look_ups = [target for target in targets if target.mapping and target.mapping.look_up]
    if look_ups:
        _copy_looked_up(gate, look_ups, settings)
    joins = "\n".join(_look_up_join(source, target, landed_types) for target in look_ups)
    values = ",\n".join(
        f"case when landing._unparsed is null then {_value(source, target, landed_types)} end as {target.value}"
        for target in targets
    )
    typed = ",\n".join(
        f"{_typed(target, landed_types, source, company.time_zone)} as {identifier(target.name)}" for target in targets
    )
    unreadable = (
        ", ".join(
            f"case when {target.value} is not null and {identifier(target.name)} is null "
            f"then {literal(target.name)} end"
            for target in targets
            if target.data_type != "varchar"
        )
        or "null"
    )
    content = ", ".join(f"coalesce({target.value}::varchar, chr(30))" for target in targets)
    columns = ", ".join(identifier(target.name) for target in targets)
    # A column that nothing maps counts too: where one byte was lost, the line may hold other things than it says.
    texts = ", ".join(
        f"landing.{identifier(name)}" for name, data_type in landed_types.items() if data_type == "VARCHAR"
    )
    gate.execute(
        f"""
        insert into candidates by name
        with mapped as (
            select
                landing.batch_id,
                landing.row_number,
                landing._unparsed,
                landing._record,
                batches.delivery_date,
                batches.delivery_ends_at,
                contains(concat_ws('', {texts}), chr(65533)) as is_undecodable,
                {values}
            from landing
            inner join (
                select
                    batch_id,
                    delivery_date,
                    timezone('UTC', timezone({literal(company.time_zone)}, (delivery_date + 1)::timestamp))
                        as delivery_ends_at
                from batches
            ) as batches on landing.batch_id = batches.batch_id
            {joins}
        ), typed as (
            select
                *,
                case when _unparsed is not null then _record else concat_ws(chr(31), {content}) end as content,
                {typed}
            from mapped
        )
        select
            {literal(source.source_system)} as source_system,
            batch_id,
            delivery_date,
            row_number,
            md5(content) as row_hash,
            {columns},
            delivery_ends_at,
            nullif(concat_ws(', ', {unreadable}), '') as unreadable_columns,
            is_undecodable,
            _unparsed as unparsed,
            _record as record
        from typed
        """
    )


@dataclass(frozen=True)
class _Target:
    """A column to fill. `mapping` is None where the column is not mapped: then it is null, or the own system."""

    name: str
    data_type: str
    mapping: Mapping | None
    key: Column | None = None

    @property
    def value(self) -> str:
        return identifier("value of " + self.name)

    @property
    def look_up_table(self) -> str:
        return identifier("looked up for " + self.name)


def _targets(source: Source) -> list[_Target]:
    targets = []
    for column in source.contract.columns:
        targets.append(_Target(column.name, column.data_type, source.columns.get(column.name)))
        if column.companion:
            targets.append(_Target(column.companion, "varchar", source.columns.get(column.companion), key=column))
    return targets


def _value(source: Source, target: _Target, landed_types: dict[str, str]) -> str:
    """The source's value before the cast: text (empty is null), or the type it landed in."""
    mapping = target.mapping
    if target.key and mapping is None:
        key = source.columns.get(target.key.name)
        if key is None:
            return "null::varchar"
        value = _value(source, _Target(target.key.name, "varchar", key), landed_types)
        return f"case when {value} is not null then {literal(source.source_system)} end"
    if mapping is None:
        return "null::varchar"
    if mapping.constant is not None:
        return literal(mapping.constant)
    if mapping.look_up:
        return f"{target.look_up_table}.taken"
    if mapping.columns:
        parts = [f"{_column(source, name, landed_types)}::varchar" for name in mapping.columns]
        missing = " or ".join(f"{part} is null" for part in parts)
        return f"case when {missing} then null else concat_ws({literal(mapping.separator)}, {', '.join(parts)}) end"
    value = _column(source, mapping.column or "", landed_types)
    if mapping.values:
        cases = " ".join(f"when {literal(code)} then {literal(text)}" for code, text in mapping.values.items())
        return f"case {value}::varchar {cases} else {value}::varchar end"
    return value


def _column(source: Source, name: str, landed_types: dict[str, str]) -> str:
    expression = source_expression(source, name)
    if source.format != "json_lines" and landed_name(name) not in landed_types:
        return "null::varchar"  # every batch in hand has a faulty header
    if source.format == "json_lines" or landed_types[landed_name(name)] == "VARCHAR":
        return f"nullif(trim({expression}), '')"
    return expression


def _value_type(target: _Target, landed_types: dict[str, str], source: Source) -> str:
    mapping = target.mapping
    if mapping and mapping.look_up:
        return feeds()[mapping.look_up].columns_by_name[mapping.take or ""].data_type.upper()
    if mapping and mapping.column and not mapping.values and source.format == "parquet":
        return landed_types.get(landed_name(mapping.column), "VARCHAR")
    return "VARCHAR"


def _typed(target: _Target, landed_types: dict[str, str], source: Source, time_zone: str) -> str:
    value, wanted = target.value, target.data_type
    found = _value_type(target, landed_types, source)
    format = target.mapping.format if target.mapping else None
    if wanted == "varchar":
        return f"{value}::varchar"
    if wanted == "timestamp":
        if found == "TIMESTAMP" and target.mapping and target.mapping.look_up:
            return value
        if found == "TIMESTAMP WITH TIME ZONE":
            return f"timezone('UTC', {value})"
        local = _parsed(value, format, "timestamp") if found == "VARCHAR" else f"try_cast({value} as timestamp)"
        instant = f"timezone('UTC', timezone({literal(time_zone)}, {local}))"
        if found != "VARCHAR" or format:
            return instant
        return (
            f"case when regexp_full_match({value}, {_UTC_OFFSET}) "
            f"then timezone('UTC', try_cast({value} as timestamptz)) else {instant} end"
        )
    if found != "VARCHAR":
        cast = f"try_cast({value} as {wanted})"
        if wanted == "integer" or found.startswith("DECIMAL"):
            # DuckDB rounds a fraction that the wanted type does not hold. Binary floating point cannot be without one.
            return f"case when try_cast({cast} as {found}) = {value} then {cast} end"
        return cast
    if wanted == "date":
        return _parsed(value, format, "date")
    # Plain digits only: DuckDB reads 5.55e-17 as 0.01 when it casts text to a decimal, and 1.5 as the integer 2.
    # More decimals than the type keeps would be rounded silently, unless they are zeros.
    scale = _scale(wanted)
    digits = f"[+-]?([0-9]+(\\.[0-9]{{0,{scale}}}0*)?|\\.[0-9]{{1,{scale}}}0*)" if scale else "[+-]?[0-9]+(\\.0+)?"
    return f"case when regexp_full_match({value}, {literal(digits)}) then try_cast({value} as {wanted}) end"


def _scale(data_type: str) -> int:
    """The decimals that a contract's number type keeps."""
    return int(data_type.removesuffix(")").split(",")[1]) if data_type.startswith("decimal") else 0


def _parsed(value: str, format: str | None, wanted: str) -> str:
    if format:
        return f"try_strptime({value}, {literal(format)})::{wanted}"
    return f"try_cast({value} as {wanted})"


def _copy_looked_up(gate: duckdb.DuckDBPyConnection, targets: list[_Target], settings: Settings) -> None:
    """Copy the looked-up columns next to the candidates, so that the warehouse stays closed while they are mapped."""
    gate.execute(f"attach {literal(settings.warehouse)} as warehouse (read_only)")
    for target in targets:
        mapping = target.mapping
        assert mapping and mapping.look_up and mapping.match and mapping.take
        matched = ", ".join(f"{identifier(name)}::varchar as {identifier('match ' + name)}" for name in mapping.match)
        keys = ", ".join(identifier(name) for name in mapping.match)
        gate.execute(
            f"""
            create or replace temp table {target.look_up_table} as
            select source_system, delivery_date, {matched}, {identifier(mapping.take)} as taken
            from warehouse.raw.{identifier(mapping.look_up)}
            qualify row_number() over (
                partition by source_system, delivery_date, {keys} order by batch_id desc, row_number desc
            ) = 1
            """
        )
    gate.execute("detach warehouse")


def _look_up_join(source: Source, target: _Target, landed_types: dict[str, str]) -> str:
    """Joins the latest row known on the delivery date, of the system whose numbering the row's key uses."""
    mapping = target.mapping
    assert mapping and mapping.look_up and mapping.match
    table = target.look_up_table
    companion = next(c.companion for c in source.contract.columns if c.references == mapping.look_up)
    system = source.columns.get(companion or "")
    system_name = system.constant if system and system.constant else source.source_system
    conditions = " and ".join(
        f"{table}.{identifier('match ' + theirs)} = ({_column(source, own, landed_types)})::varchar"
        for theirs, own in mapping.match.items()
    )
    return (
        f"asof left join {table} on {table}.source_system = {literal(system_name)} and {conditions} "
        f"and batches.delivery_date >= {table}.delivery_date"
    )
