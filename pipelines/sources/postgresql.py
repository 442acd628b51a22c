"""Asks a PostgreSQL server what a source's days hold, without fetching a row; fetching is `postgresql_landing.py`.

A session only reads, is in UTC, sees one state of the data from its first question to its last, and cannot hang.
Its errors never hold the connection's URI or what a row holds.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pipelines.connections import identifier, literal
from pipelines.errors import DatabaseError, DatabaseUnreachableError
from pipelines.settings import secret
from pipelines.sources.configuration import Source

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

_SHAPE = "postgresql://user:password@host:5432/database"

# A server that is gone is noticed within a minute or so, in the middle of its answer too.
_LIMITS = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "crmdw",
}
# In the session and not in the URI, because poolers between here and the server refuse options there.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "1h",
    "lock_timeout": "30s",
}

_ALIAS = identifier("the source")
# md5, because nobody promises that hashes of other kinds are the same on the server's next version.
ROW_HASH = f"('x' || substr(md5({_ALIAS}::text), 1, 16))::bit(64)::bigint"
"""SQL: 64 bits of a row's content."""

# SQLSTATE classes whose messages speak of statements and servers; others may quote a value.
_TOLD_CLASSES = ("08", "28", "3D", "42", "53", "55", "57")
_REMEDIES = {
    "42P01": "mend table or query in the sources file",
    "42703": "mend the names of columns in the sources file",
    "42501": "grant the connection's user select on what the source reads",
    "55P03": "run again when nobody is changing the table's definition",
    "57014": "put an index on the watermark, or begin with a later start",
}


@dataclass(frozen=True)
class DayContent:
    """What the rows of one day are on the server: how many, and a hash of all that they hold, whatever their order."""

    rows: int
    content_hash: str


@contextmanager
def session(source: Source) -> Iterator["Cursor"]:
    """A cursor on the source's server, in one transaction that only reads.

    Raises DatabaseError for whatever the server refuses while it is open.
    """
    # Importing takes a second, which only who reads a database has to wait.
    import adbc_driver_postgresql.dbapi as postgresql  # noqa: PLC0415

    uri = _uri(source)
    try:
        connection = postgresql.connect(_with_limits(uri))
    except postgresql.Error as error:
        raise _unreachable(source, uri, str(error)) from None
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            settings = ", ".join(f"set_config({literal(k)}, {literal(v)}, true)" for k, v in _SESSION.items())
            cursor.execute(f"select {settings}")
            cursor.fetchall()
            yield cursor
    except postgresql.Error as error:
        raise refused(source, str(error), error.sqlstate) from None


def refused(source: Source, message: str, state: str | None) -> DatabaseError:
    """What the server said when it refused to go on, as far as it can hold nothing private."""
    state = state or ""
    lines = re.sub(".*(ERROR|FATAL):", "", message).strip().splitlines()
    text = lines[0] if lines else ""
    told = state[:2] in _TOLD_CLASSES or (not state and "connection" in text)
    what = _without_secrets(text, secret(source.connection or "") or "") if told else "the server refused a value"
    cause = f"{_named(source)}: {what}" + (f" (SQLSTATE {state})" if state else "")
    return DatabaseError(cause, _REMEDIES.get(state, "mend it on the server or in the sources file, and run again"))


def delivery_path(source: Source, day: date) -> Path:
    """What stands in the ledger for the file of a day's delivery; nothing is there."""
    return Path(f"postgresql:{source.table or 'query'}@{day}")


def column_types(cursor: "Cursor", source: Source) -> dict[str, str]:
    """Name -> the server's type of each column of the source.

    Raises DatabaseError where a mapped column or the watermark is not there, or the watermark is no date or time.
    """
    schema = cursor.adbc_execute_schema(f"select * from {_relation(source)}")
    types = {field.name: (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in schema}
    wanted = [*source.source_columns, *([source.watermark] if source.watermark else [])]
    if missing := [name for name in wanted if name not in types]:
        raise DatabaseError(
            f"{_named(source)}: there is no column {', '.join(missing)}; there are {', '.join(types)}",
            "mend the names in the sources file; capitals count",
        )
    if len({name.casefold() for name in schema.names}) < len(schema.names):
        raise DatabaseError(
            f"{_named(source)}: two columns have the same name, capitals or not", "name each in a query of its own"
        )
    if source.watermark and types[source.watermark] not in ("date", "timestamp", "timestamptz"):
        raise DatabaseError(
            f"{_named(source)}: the watermark {source.watermark} is of type {types[source.watermark]}",
            "give a column of type date or timestamp, or no watermark, and the whole table is read every day",
        )
    return types


def day_contents(source: Source, time_zone: str, days: Iterable[date]) -> dict[date, DayContent]:
    """What each of `days` (business days in `time_zone`) holds at this moment, asked in one query.

    Without a watermark the whole table counts as the content of the day asked for. Raises DatabaseError.
    """
    asked = list(days)
    with session(source) as cursor:
        day, condition = days_of_rows(source, column_types(cursor, source), time_zone, asked)
        cursor.execute(
            f"select {day}, count(*), sum({ROW_HASH})::text from {_relation(source)} where {condition} group by 1"
        )
        found = {row[0]: day_content(row[1], int(row[2])) for row in cursor.fetchall()}
    return {day: found.get(day, day_content(0, 0)) for day in asked}


def day_content(rows: int, hash_sum: int) -> DayContent:
    """The content of a day with `rows` rows, the sum of whose ROW_HASH is `hash_sum`."""
    return DayContent(rows, hashlib.md5(f"{rows}:{hash_sum}".encode()).hexdigest())


def days_of_rows(source: Source, types: dict[str, str], time_zone: str, days: list[date]) -> tuple[str, str]:
    """SQL for the business day of a row, and for the condition that it is one of `days`.

    Values stand in the text because COPY, by which rows are streamed, takes no parameters.
    """
    days = sorted(days)
    if not source.watermark:
        return f"{literal(days[0])}::date", "true"
    watermark = f"{_ALIAS}.{identifier(source.watermark)}"
    first, end = f"{literal(days[0])}::date", f"{literal(days[-1] + timedelta(days=1))}::date"
    day = f"{watermark}::date"
    if types[source.watermark] == "timestamptz":
        zone = literal(time_zone)
        first, end = (f"timezone({zone}, {bound}::timestamp)" for bound in (first, end))
        day = f"timezone({zone}, {watermark})::date"
    # The range is what an index on the watermark serves.
    condition = f"{watermark} >= {first} and {watermark} < {end}"
    if len(days) <= (days[-1] - days[0]).days:
        condition += f" and {day} in ({', '.join(f'{literal(one)}::date' for one in days)})"
    return day, condition


def extraction(source: Source, types: dict[str, str], time_zone: str, days: list[date]) -> str:
    """The one query that brings the rows of `days`: each column, then the row's day and its ROW_HASH."""
    day, condition = days_of_rows(source, types, time_zone, days)
    columns = [f"{_transferred(name, data_type)} as {identifier(name)}" for name, data_type in types.items()]
    return (
        f"select {', '.join(columns)}, {day} as {identifier(DAY)}, {ROW_HASH} as {identifier(HASH)} "
        f"from {_relation(source)} where {condition}"
    )


DAY, HASH = "day of the row", "hash of the row"
"""The names of what extraction adds to the source's columns."""


def rows_without_watermark(cursor: "Cursor", source: Source) -> bool:
    """Whether the source has rows that belong to no day and are therefore never read."""
    if not source.watermark:
        return False
    watermark = f"{_ALIAS}.{identifier(source.watermark)}"
    cursor.execute(f"select 1 from {_relation(source)} where {watermark} is null limit 1")
    return bool(cursor.fetchall())


def _relation(source: Source) -> str:
    if source.table:
        return f"{identifier(*source.table.split('.'))} as {_ALIAS}"
    # On lines of its own, because a query may end in a comment.
    return f"(\n{(source.query or '').strip().rstrip(';')}\n) as {_ALIAS}"


def _transferred(name: str, data_type: str) -> str:
    """The column as it is sent: in its type where Arrow has the same, else as the server's text."""
    column = f"{_ALIAS}.{identifier(name)}"
    match data_type:
        case "bool" | "int2" | "int4" | "int8" | "float4" | "float8" | "text" | "varchar" | "bpchar":
            return column
        case "date" | "timestamp" | "timestamptz":
            # The driver makes a day long before Christ of infinity, which is no day.
            return f"case when isfinite({column}) then {column} end"
        case "money":
            return f"{column}::numeric::text"
        case _:
            return f"{column}::text"


def _named(source: Source) -> str:
    return f"{source.source_system} {source.feed}: {source.place}"


def _uri(source: Source) -> str:
    name = source.connection or ""
    uri = (secret(name) or "").strip()
    if not uri:
        raise DatabaseUnreachableError(f"{name}: this environment variable is not set", f"export {name}={_SHAPE}")
    if not re.match("postgres(ql)?://", uri) or uri.split("?")[0].count("@") > 1:
        raise _no_uri(source)
    return uri


def _no_uri(source: Source) -> DatabaseUnreachableError:
    return DatabaseUnreachableError(
        f"{source.connection}: it holds no URI of a PostgreSQL database",
        f"set it to {_SHAPE}, with @ : / ? # % of the password written as %40 %3A %2F %3F %23 %25",
    )


def _with_limits(uri: str) -> str:
    limits = "&".join(f"{name}={value}" for name, value in _LIMITS.items() if f"{name}=" not in uri)
    return f"{uri}{'&' if '?' in uri else '?'}{limits}"


def _unreachable(source: Source, uri: str, message: str) -> DatabaseUnreachableError:
    """libpq quotes what it cannot read in a URI, which may be the password: then its own words are not repeated."""
    if "could not translate host name" in message:
        what, remedy = "its host name is not known", f"mend the host in {source.connection}, or the network"
    elif "connection to server" in message:
        what = _without_secrets(" ".join(message.partition("Failed to connect:")[2].split()), uri)
        remedy = f"start the server, or mend user, password or host in {source.connection}; then run again"
    else:
        return _no_uri(source)
    return DatabaseUnreachableError(f"{source.connection}: {what}", remedy)


def _without_secrets(text: str, uri: str) -> str:
    try:
        password = urlsplit(uri).password
    except ValueError:
        password = None
    for hidden in (uri, password, unquote(password or "")):
        text = text.replace(hidden, "***") if hidden else text
    return text
