"""The published file without erased persons: a copy of it, in which their rows go or become the erased member's.

Nothing is built anew, so it takes a moment, and nobody else's row changes: what is worked out over all customers, such
as quintiles and the verdict on a past contact, stays as it was published until the next run builds it without them.
"""

import secrets

import duckdb

from pipelines.connections import STORAGE_VERSION, connected, literal
from pipelines.person.erased_marks import ERASED
from pipelines.person.person import Person
from pipelines.privacy.erased_rows import lost_columns
from pipelines.publishing.content_hash import published_tables
from pipelines.publishing.publication import (
    audit_candidate,
    candidate_file,
    discard_candidate,
    put_candidate_in_place,
    writing_candidate,
)
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.landing_table import landed_name

_OF_CUSTOMERS = frozenset(
    (
        "core.bridge_customer_source",
        "core.bridge_household_member",
        "core.dim_consent",
        "core.dim_customer",
        "core.dim_customer_current",
        "core.dim_permission",
        "marts.mart_contactability",
        "marts.mart_lifetime_value",
        "marts.mart_rfm",
    )
)
"""Tables whose rows say something of a customer and of nothing else; every other row with a customer stays."""

_TOLD_BY_NUMBER = {"core.bridge_contract_customer": "contract_holder_id"}
"""Tables whose key is a hash with a customer's number in it; nothing refers to it."""

_REFUSALS = "core.fct_refusal_check"
"""The table that has one row of a customer for each check of a list, and so of the erased member too."""

_IS_NOT_THEIRS = "customer_id not in (select customer_id from theirs)"


def take_out(settings: Settings, sources_file: SourcesFile, person: Person) -> bool:
    """Publish the last file without `person`, who may stand for several; whether that could be done.

    It cannot where nothing was published yet, where somebody else was published as the same customer, where a thing's
    number is made of a customer's, or where the audit refuses the file: then everything is to be built anew. Raises
    PublishError where the file cannot be written.
    """
    if not settings.published_file.exists() or _names_things_by_customers(sources_file):
        return False
    with writing_candidate(settings), connected(settings, None) as connection:
        discard_candidate(settings)
        connection.execute(f"attach {literal(settings.published_file)} as published (read_only)")
        customer_ids = _customer_ids(connection, person)
        if customer_ids is None:
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


def _copy(connection: duckdb.DuckDBPyConnection, customer_ids: list[str]) -> None:
    """Copy all tables of `published` into `candidate`; no row of the copy is one of these customers'."""
    salt = secrets.token_hex(16)
    connection.execute("create temp table theirs as select unnest($ids) as customer_id", {"ids": customer_ids})
    connection.execute("copy from database published to candidate (schema)")
    for schema, table in published_tables(connection, "published"):
        name = f"{schema}.{table}"
        columns = [column for column, *_ in connection.execute(f"describe published.{name}").fetchall()]
        if "customer_id" not in columns:
            rows = f"from published.{name}"
        elif name in _OF_CUSTOMERS:
            rows = f"from published.{name} where {_IS_NOT_THEIRS}"
        elif name == _REFUSALS:
            rows = _refusals(salt)
        else:
            values = {column: literal(ERASED) for column in ("customer_id", "customer_row_id") if column in columns}
            if key := _TOLD_BY_NUMBER.get(name):
                values[key] = f"md5({literal(salt)} || {key})"
            replaced = (
                f"case when {_IS_NOT_THEIRS} then {one} else {value} end as {one}" for one, value in values.items()
            )
            rows = f"select * replace ({', '.join(replaced)}) from published.{name}"
        connection.execute(f"insert into candidate.{name} by name {rows}")
    connection.execute("checkpoint candidate")


def _refusals(salt: str) -> str:
    """The SQL of the checks of refusal lists, in which all erased persons of a check are counted in one row."""
    is_erased = f"(customer_id = {literal(ERASED)} or not ({_IS_NOT_THEIRS}))"
    return f"""
        select * from published.{_REFUSALS} where not {is_erased}
        union all by name
        select
            md5({literal(salt)} || min(refusal_check_id)) as refusal_check_id,
            {literal(ERASED)} as customer_id,
            {literal(ERASED)} as customer_row_id,
            source_system,
            refusal_list_code,
            sum(entry_count)::bigint as entry_count,
            sum(counted_entry_count)::bigint as counted_entry_count,
            false as is_matched,
            checked_date,
        from published.{_REFUSALS}
        where {is_erased}
        group by source_system, refusal_list_code, checked_date
    """
