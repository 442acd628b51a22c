"""The published file without erased persons: a copy of it, in which their rows go or become the erased member's.

Nothing is built anew, so it takes a moment, and nobody else's row changes: what is worked out over all customers, such
as quintiles and the verdict on a past contact, stays as it was published until the next run builds it without them.
"""

import secrets

import duckdb

from pipelines.connections import STORAGE_VERSION, connected, identifier, literal
from pipelines.content_hash import published_tables
from pipelines.privacy.erased_rows import ERASED, lost_columns
from pipelines.privacy.erasure_terms import ErasureTerms, erasure_terms
from pipelines.privacy.person import Person
from pipelines.publish import (
    audit_candidate,
    candidate_file,
    discard_candidate,
    put_candidate_in_place,
    writing_candidate,
)
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.landing_table import landed_name


def take_out(settings: Settings, sources_file: SourcesFile, person: Person) -> bool:
    """Publish the last file without `person`, who may stand for several; whether that could be done.

    It cannot where nothing was published yet, where somebody else was published as the same customer, where a thing's
    number is made of a customer's, where a table is not as its model says today, or where the audit refuses the file:
    then everything is to be built anew. Raises PublishError where the file cannot be written.
    """
    if not settings.published_file.exists() or _names_things_by_customers(sources_file):
        return False
    with writing_candidate(settings), connected(settings, None) as connection:
        discard_candidate(settings)
        connection.execute(f"attach {literal(settings.published_file)} as published (read_only)")
        customer_ids = _customer_ids(connection, person)
        if customer_ids is None or not _has_the_tables_of_today(connection):
            return False
        # A file of its own, because what is deleted lingers in a file's blocks.
        connection.execute(
            f"attach {literal(candidate_file(settings))} as candidate (storage_version '{STORAGE_VERSION}')"
        )
        _copy(connection, customer_ids)
    candidate_file(settings).chmod(0o600)
    if any(verdict.faults for verdict in audit_candidate(settings)):
        return False
    put_candidate_in_place(settings)
    return True


def _names_things_by_customers(sources_file: SourcesFile) -> bool:
    """Whether a source tells a thing, such as a contract, by a column that also tells whose it is."""
    return any(
        lost_columns(source, [landed_name(name) for name in source.source_columns])[1]
        for source in sources_file.sources
    )


def _customer_ids(connection: duckdb.DuckDBPyConnection, person: Person) -> list[str] | None:
    """The customers as which the person was published; None where another's record is one of theirs."""
    rows = connection.execute(
        """
        with theirs as (
            select customer_source_id in (select unnest($record_ids)) as is_theirs, customer_id
            from published.core.bridge_customer_source
            where valid_to is null
        )
        select customer_id, bool_and(is_theirs) from theirs group by customer_id having bool_or(is_theirs)
        """,
        {"record_ids": person.record_ids},
    ).fetchall()
    if not all(is_theirs_alone for _, is_theirs_alone in rows):
        return None
    return sorted({person.customer_id, *person.former_ids, *(customer_id for customer_id, _ in rows)})


def _has_the_tables_of_today(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether each table of `published` has terms of erasure, and all columns that they name."""
    terms = erasure_terms()
    return all(
        table in terms and terms[table].columns <= set(_columns(connection, schema, table))
        for schema, table in published_tables(connection, "published")
    )


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    found = connection.execute(f"describe {identifier('published', schema, table)}").fetchall()
    return [column for column, *_ in found]


def _copy(connection: duckdb.DuckDBPyConnection, customer_ids: list[str]) -> None:
    """Copy all tables of `published` into `candidate`; no row of the copy is one of these customers'."""
    salt = secrets.token_hex(16)
    connection.execute(
        """
        create temp table theirs as
        select unnest($ids) as id
        union
        select customer_row_id from published.core.dim_customer where list_contains($ids, customer_id)
        """,
        {"ids": customer_ids},
    )
    connection.execute("copy from database published to candidate (schema)")
    for schema, table in published_tables(connection, "published"):
        columns = _columns(connection, schema, table)
        rows = _rows(identifier("published", schema, table), columns, erasure_terms()[table], salt)
        connection.execute(f"insert into {identifier('candidate', schema, table)} by name {rows}")
    connection.execute("checkpoint candidate")


def _rows(table: str, columns: list[str], terms: ErasureTerms, salt: str) -> str:
    """The SQL of the rows of `table` as its terms have them without the customers of `theirs`."""
    match terms.erasure:
        case "none":
            return f"from {table}"
        case "drop":
            return f"from {table} where not {_is_theirs(*terms.customer_columns)}"
        case "to_erased":
            return _rows_of_the_erased_member(table, terms, salt)
        case "add_to_erased":
            return _rows_added_to_the_erased_member(table, columns, terms, salt)


def _is_theirs(*columns: str) -> str:
    """The SQL of whether one of the columns holds an id of `theirs`; where it is null, it holds none."""
    return f"({' or '.join(f'coalesce({identifier(one)} in (select id from theirs), false)' for one in columns)})"


def _rows_of_the_erased_member(table: str, terms: ErasureTerms, salt: str) -> str:
    replaced = [
        f"case when {_is_theirs(column)} then {literal(ERASED)} else {identifier(column)} end as {identifier(column)}"
        for column in terms.customer_columns
    ]
    if terms.customer_made_key:
        key = identifier(terms.customer_made_key)
        made = f"md5({literal(salt)} || {key})"
        replaced.append(f"case when {_is_theirs(*terms.customer_columns)} then {made} else {key} end as {key}")
    return f"select * replace ({', '.join(replaced)}) from {table}"


def _rows_added_to_the_erased_member(table: str, columns: list[str], terms: ErasureTerms, salt: str) -> str:
    """The others' rows, and one of the erased member for all rows that are equal in what the terms do not name."""
    values = {column: literal(ERASED) for column in terms.customer_columns}
    values |= {column: f"sum({identifier(column)})" for column in terms.added_columns}
    values |= {column: _constant(value) for column, value in terms.erased_values.items()}
    if terms.customer_made_key:
        values[terms.customer_made_key] = f"md5({literal(salt)} || min({identifier(terms.customer_made_key)}))"
    were_erased = " or ".join(f"{identifier(column)} = {literal(ERASED)}" for column in terms.customer_columns)
    is_erased = f"({_is_theirs(*terms.customer_columns)} or coalesce({were_erased}, false))"
    selected = ", ".join(f"{values.get(column, identifier(column))} as {identifier(column)}" for column in columns)
    common = [identifier(column) for column in columns if column not in values]
    grouped = f" group by {', '.join(common)}" if common else ""
    return (
        f"from {table} where not {is_erased} "
        f"union all by name select {selected} from {table} where {is_erased}{grouped}"
    )


def _constant(value: bool | int | str | None) -> str:
    if isinstance(value, str):
        return literal(value)
    return "null" if value is None else str(value).lower()
