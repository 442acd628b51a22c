"""From landed rows to mapped ones: the sources file's mapping, and the one cast from text into the contract's types.

A value that cannot be cast becomes null and its column is named in `unreadable_columns`; the gate judges it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

import duckdb

from pipelines.connections import identifier, literal, reading
from pipelines.contracts import Column, Feed, feeds
from pipelines.settings import Settings
from pipelines.sources.configuration import EXCEL_SERIAL, Company, Mapping, Source
from pipelines.sources.landing_table import landed_name

_WITHOUT_TEXT = ("batch_id", "_unparsed")
_TIMES = " times "
# The exact product of two such has twelve decimals, and is rounded to those of the amount.
_FACTOR = "decimal(18,6)"
# A sign or a letter after the time of day. Cast to a timestamp without a zone, DuckDB would silently drop it.
_UTC_OFFSET = "'[^:]*:.*[-+a-zA-Z].*'"
_TWELVE_HOURS = "'.*[0-9] ?[AaPp]\\.?[Mm]\\.?'"

_FIRST_DAY = "1000-01-01"
"""What is read as an earlier day has a year of two digits, or stands for no day at all."""


def create_mapped_rows(gate: duckdb.DuckDBPyConnection, feed: Feed, table: str = "mapped_rows") -> None:
    """Create the empty `table` of mapped rows: the raw table's columns and what the gate needs beside them."""
    columns = feed.raw_columns() | {
        "delivery_ends_at": "timestamp",
        "unreadable_columns": "varchar",
        "is_undecodable": "boolean",
        "content_hash": "ubigint",
        "may_share_key": "boolean default false",
        "unparsed": "varchar",
        "record": "varchar",
    }
    definitions = ", ".join(f"{identifier(name)} {data_type}" for name, data_type in columns.items())
    gate.execute(f"create or replace table {table} ({definitions})")


def map_landing(
    gate: duckdb.DuckDBPyConnection,
    source: Source,
    company: Company,
    settings: Settings,
    table: str = "mapped_rows",
    may_be_undecodable: bool = True,
) -> None:
    """Add the rows of `landing` to the `table` of mapped rows, mapped onto the contract and cast.

    Needs the table `batches` (batch_id, delivery_date). A look-up reads the other feed as it was known on the
    delivery date.
    """
    landed_types = {row[0]: row[1] for row in gate.execute("describe landing").fetchall()}
    targets = _targets(source)
    look_ups = [target for target in targets if target.mapping and target.mapping.look_up]
    if look_ups:
        _copy_looked_up(gate, look_ups, settings)
    joins = "\n".join(_look_up_join(source, target, landed_types) for target in look_ups)
    values = ",\n".join(f"{_value(source, target, landed_types)} as {target.value}" for target in targets)
    typed = ",\n".join(
        f"{_typed(target, landed_types, source, company.time_zone)} as {identifier(target.name)}" for target in targets
    )
    cast = [target for target in targets if target.data_type != "varchar"]
    is_lost = {t.name: f"({t.value} is not null and {identifier(t.name)} is null)" for t in cast}
    named = ", ".join(f"case when {lost} then {literal(name)} end" for name, lost in is_lost.items())
    # Few rows have one: names are put together for these alone.
    unreadable = f"case when {' or '.join(is_lost.values())} then concat_ws(', ', {named}) end" if cast else "null"
    row_hash = ""
    if source.contract.brings == "snapshot":
        content = ", ".join(f"coalesce({target.value}::varchar, chr(30))" for target in targets)
        row_hash = f"md5(concat_ws(chr(31), {content})) as row_hash,"
    columns = ", ".join(identifier(target.name) for target in targets)
    # A column that nothing maps counts too: where one byte was lost, the line may hold other things than it says.
    texts = [name for name, data_type in landed_types.items() if data_type == "VARCHAR" and name not in _WITHOUT_TEXT]
    searched = [f"contains(landing.{identifier(name)}, chr(65533))" for name in texts if may_be_undecodable]
    undecodable = " or ".join(searched) or "false"
    delivered = f"""
        select
            batch_id,
            delivery_date,
            part,
            {_instant("(delivery_date + 1)::timestamp", company.time_zone)} as delivery_ends_at
        from batches
    """
    gate.execute(
        f"""
        insert into {table} by name
        with mapped as (
            select
                landing.batch_id,
                landing.row_number,
                landing._record,
                batches.delivery_date,
                batches.delivery_ends_at,
                coalesce({undecodable}, false) as is_undecodable,
                {values}
            from landing
            inner join ({delivered}) as batches on landing.batch_id = batches.batch_id
            {joins}
            where landing._unparsed is null
        ), typed as (
            select
                *,
                {typed}
            from mapped
        )
        select
            {literal(source.source_system)} as source_system,
            batch_id,
            delivery_date,
            row_number,
            {row_hash}
            {columns},
            delivery_ends_at,
            {unreadable} as unreadable_columns,
            is_undecodable,
            hash({", ".join(target.value for target in targets if target.is_told) or "null"}) as content_hash,
            _record as record
        from typed
        """
    )
    if gate.execute("select 1 from landing where _unparsed is not null limit 1").fetchone():
        gate.execute(
            f"""
            insert into {table} by name
            select
                {literal(source.source_system)} as source_system,
                landing.batch_id,
                batches.delivery_date,
                landing.row_number,
                batches.delivery_ends_at,
                coalesce({undecodable}, false) as is_undecodable,
                landing._unparsed as unparsed,
                landing._record as record
            from landing
            inner join ({delivered}) as batches on landing.batch_id = batches.batch_id
            where landing._unparsed is not null
            """
        )


def landed_value(source: Source, name: str, landed_types: dict[str, str]) -> str:
    """The SQL, over `landing`, of what the source says of the contract column or companion `name`, before any cast.

    `landed_types` maps the columns of landing to their types. A key that is made of the row's place, and what is looked
    up, is null: neither stands in the row.
    """
    target = next(target for target in _targets(source) if target.name == name)
    mapping = source.columns.get(target.key.name) if target.key and not target.mapping else target.mapping
    if mapping and (mapping.row_number or mapping.look_up):
        return "null::varchar"
    return f"({_value(source, target, landed_types)})::varchar"


@dataclass(frozen=True)
class _Target:
    """A column to fill. `mapping` is None where the column is not mapped: then it is null, or the own system."""

    name: str
    data_type: str
    mapping: Mapping | None
    key: Column | None = None

    @property
    def is_told(self) -> bool:
        """Whether the source says it, row by row."""
        return self.mapping is not None and self.mapping.constant is None

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
    if mapping.row_number:
        return "concat_ws(':', batches.delivery_date, nullif(batches.part, ''), landing.row_number)"
    if several := mapping.columns or mapping.multiply:
        parts = [f"{_column(source, name, landed_types)}::varchar" for name in several]
        separator = literal(_TIMES if mapping.multiply else mapping.separator)
        if mapping.missing is not None:
            parts = [f"coalesce({part}, {literal(mapping.missing)})" for part in parts]
            return f"concat_ws({separator}, {', '.join(parts)})"
        missing = " or ".join(f"{part} is null" for part in parts)
        return f"case when {missing} then null else concat_ws({separator}, {', '.join(parts)}) end"
    value = _column(source, mapping.column or "", landed_types)
    if mapping.values:
        cases = " ".join(f"when {literal(code)} then {literal(text)}" for code, text in mapping.values.items())
        return f"nullif(case {value}::varchar {cases} else {value}::varchar end, '')"
    return value


def _column(source: Source, name: str, landed_types: dict[str, str]) -> str:
    landed = landed_name(name)
    if landed not in landed_types:
        return "null::varchar"  # every batch in hand has a faulty header
    expression = f"landing.{identifier(landed)}"
    return f"nullif({_trimmed(expression)}, '')" if landed_types[landed] == "VARCHAR" else expression


def _trimmed(text: str) -> str:
    """`text` without the spaces of any script around it. Most have none, which is seen at a fifth of the price.

    A text that is as long in bytes as in characters has no character beyond ASCII, whose one space is looked for.
    """
    may_have_spaces = f"contains({text}, ' ') or strlen({text}) <> length({text})"
    return f"case when {may_have_spaces} then trim({text}) else {text} end"


def _value_type(target: _Target, landed_types: dict[str, str], source: Source) -> str:
    mapping = target.mapping
    if mapping and mapping.look_up:
        return feeds()[mapping.look_up].columns_by_name[mapping.take or ""].data_type.upper()
    if mapping and mapping.column and not mapping.values:
        return landed_types.get(landed_name(mapping.column), "VARCHAR")
    return "VARCHAR"


def _typed(target: _Target, landed_types: dict[str, str], source: Source, time_zone: str) -> str:
    value, wanted = target.value, target.data_type
    found = _value_type(target, landed_types, source)
    if wanted == "varchar":
        return f"{value}::varchar"
    if wanted in ("timestamp", "date"):
        own_zone = source.time_zone or time_zone
        is_day = wanted == "date"
        when = _day_of(target, found, own_zone, time_zone) if is_day else _instant_of(target, found, own_zone)
        # DuckDB reads 01-02-24 as a day of the year 1.
        return f"case when {when} >= date '{_FIRST_DAY}' then {when} end"
    if found != "VARCHAR":
        cast = f"try_cast({value} as {wanted})"
        if wanted == "integer" or found.startswith("DECIMAL"):
            # DuckDB rounds a fraction that the wanted type does not hold. Binary floating point cannot be without one.
            return f"case when try_cast({cast} as {found}) = {value} then {cast} end"
        return cast
    if target.mapping and target.mapping.multiply:
        factors = [f"split_part({value}, {literal(_TIMES)}, {place})" for place in (1, 2)]
        return f"try_cast({' * '.join(_number(factor, _FACTOR) for factor in factors)} as {wanted})"
    return _number(value, wanted)


def _instant_of(target: _Target, found: str, time_zone: str) -> str:
    """The instant in UTC that the target's value says; without an offset it is a time of `time_zone`."""
    value, format = target.value, target.mapping.format if target.mapping else None
    if found == "TIMESTAMP" and target.mapping and target.mapping.look_up:
        return value
    if zoned := _zoned(value, format, found):
        return f"timezone('UTC', {zoned})"
    instant = _instant(_local_time(value, format, found), time_zone)
    if found != "VARCHAR" or format:
        return instant
    return f"case when {_has_offset(value)} then timezone('UTC', try_cast({value} as timestamptz)) else {instant} end"


def _day_of(target: _Target, found: str, time_zone: str, company_zone: str) -> str:
    """The day that the target's value says: of an instant, the company's; a day without a time is the same everywhere.

    A time without an offset is an instant too where its zone is not the company's.
    """
    value, format = target.value, target.mapping.format if target.mapping else None
    if zoned := _zoned(value, format, found):
        return f"timezone({literal(company_zone)}, {zoned})::date"
    is_time = found.startswith("TIMESTAMP")
    if not (found == "VARCHAR" or is_time or format == EXCEL_SERIAL):
        return f"try_cast({value} as date)"
    local = _local_time(value, format, found)
    day = f"{local}::date" if format or is_time else f"try_cast({value} as date)"
    if time_zone != company_zone:
        has_time = f"contains({value}, ':')" if found == "VARCHAR" else f"{local} <> {local}::date"
        company_time = f"timezone({literal(company_zone)}, timezone({literal(time_zone)}, {local}))"
        day = f"case when {has_time} then {company_time}::date else {day} end"
    if found != "VARCHAR" or format:
        return day
    instant = f"try_cast({value} as timestamptz)"
    # Of a time of twelve hours the letters are no zone, and the day stands as it is written.
    has_offset = f"{_has_offset(value)} and not regexp_full_match({value}, {_TWELVE_HOURS})"
    return f"case when {has_offset} then timezone({literal(company_zone)}, {instant})::date else {day} end"


def _zoned(value: str, format: str | None, found: str) -> str | None:
    """The SQL of a value that says its zone itself, as a timestamp with a time zone; None where it does not."""
    if found == "TIMESTAMP WITH TIME ZONE":
        return value
    if format and found == "VARCHAR" and ("%z" in format or "%Z" in format):
        return f"try_strptime({value}, {literal(format)})"
    return None


def _has_offset(value: str) -> str:
    return f"regexp_full_match({value}, {_UTC_OFFSET})"


def _number(value: str, wanted: str) -> str:
    """A text of plain digits as a number; DuckDB alone reads 5.55e-17 as the decimal 0.01, and 1.5 as the integer 2.

    More decimals than the type keeps would be rounded silently: they are no number, unless they are zeros. Most numbers
    are whole, and known to be plain when they read the same written again, which is cheaper than to look at each digit.
    """
    scale = _scale(wanted)
    digits = f"[+-]?([0-9]+(\\.[0-9]{{0,{scale}}}0*)?|\\.[0-9]{{1,{scale}}}0*)" if scale else "[+-]?[0-9]+(\\.0+)?"
    whole = f"try_cast({value} as bigint)"
    return (
        f"case when {whole}::varchar = {value} then try_cast({whole} as {wanted}) "
        f"when regexp_full_match({value}, {literal(digits)}) then try_cast({value} as {wanted}) end"
    )


def _instant(local: str, time_zone: str) -> str:
    """The instant in UTC of a local time. Going back by the microseconds is half the price of a second time zone."""
    by_calendar = f"make_timestamp(epoch_us(timezone({literal(time_zone)}, {local})))"
    settled, microseconds = _settled(time_zone)
    return (
        f"case when {local} >= timestamp {literal(settled)} "
        f"then make_timestamp(epoch_us({local}) - {microseconds}) else {by_calendar} end"
    )


@cache
def _settled(time_zone: str) -> tuple[datetime, int]:
    """Since when the zone's clocks are no more changed, and how many microseconds they are ahead of UTC since then.

    From then on an instant is a subtraction, half the price of asking the calendar. A zone with summer time never
    settles.
    """
    with duckdb.connect() as connection:
        row = connection.execute(
            """
            with days as (
                select
                    day,
                    epoch_us(day) - epoch_us(timezone($zone, day)) as ahead,
                    last(ahead order by day) over () as at_last,
                from (select unnest(range(timestamp '1900-01-01', timestamp '2100-01-01', interval 1 day)) as day)
            )
            select coalesce(max(day) filter (ahead <> at_last) + to_days(2), min(day)), any_value(at_last) from days
            """,
            {"zone": time_zone},
        ).fetchone()
    assert row is not None
    return row


def _scale(data_type: str) -> int:
    """The decimals that a contract's number type keeps."""
    return int(data_type.removesuffix(")").split(",")[1]) if data_type.startswith("decimal") else 0


def _local_time(value: str, format: str | None, found: str) -> str:
    """The timestamp that `value` says in `format`; a value of a type of its own needs none."""
    if format == EXCEL_SERIAL:
        # Earlier serials count a 29th of February 1900 that never was. A fraction is a part of the day.
        serial = f"try_cast({value}::varchar as double)"
        return (
            f"case when {serial} between 61 and 2958465.99999 "
            f"then timestamp '1899-12-30' + to_milliseconds(round({serial} * 86400000)::bigint) "
            f"when {serial} is null then try_cast({value}::varchar as timestamp) end"
        )
    if format and found == "VARCHAR":
        return f"try_strptime({value}, {literal(format)})"
    return f"try_cast({value} as timestamp)"


def _copy_looked_up(gate: duckdb.DuckDBPyConnection, targets: list[_Target], settings: Settings) -> None:
    """Copy the looked-up columns next to the mapped rows, so that the warehouse stays closed while they are mapped."""
    with reading(gate, settings):
        for target in targets:
            mapping = target.mapping
            assert mapping and mapping.look_up and mapping.match and mapping.take
            matched = ", ".join(
                f"{identifier(name)}::varchar as {identifier('match ' + name)}" for name in mapping.match
            )
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
