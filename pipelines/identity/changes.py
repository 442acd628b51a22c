"""What has changed since identity was resolved last: records that are new, other than they were, or gone.

The tables of schema `identity` hold what was known then. All of them can be made again; they are kept so that a day
costs what the day brought.
"""

from dataclasses import dataclass

import duckdb

from pipelines.identity.edges import EDGE_COLUMNS
from pipelines.identity.model import DEFAULT, Model
from pipelines.person.records import gather_records

FEED = "branch__customers"
"""The feed whose rows are records of customers."""

TABLES = f"""
create schema if not exists identity;
create table if not exists identity.records (
    record_id varchar, source_system varchar, record_key varchar, first_delivery_date date, party_type varchar,
    person_key varchar, site_key varchar, full_name varchar, family_name varchar, given_name varchar,
    birth_date date, sex varchar, email varchar, region_code varchar, town varchar, street varchar,
    house_number varchar, has_unit boolean
);
create table if not exists identity.phones (record_id varchar, phone varchar, valid_from date, valid_to date);
create table if not exists identity.edges ({EDGE_COLUMNS});
create table if not exists identity.review (
    record_a varchar, record_b varchar, rule varchar, weight double, reason varchar
);
create table if not exists identity.loads (load_number bigint);
create table if not exists identity.resolved (
    resolution_number bigint, override_number bigint, model_version varchar
);
"""

CHANGED_OR_GONE = "(select record_id from work.changed union all select record_id from work.gone)"


@dataclass(frozen=True)
class Resolved:
    """Up to where identity is resolved: the resolution's number, the last override, and the model's version.

    The version is None before the first time, and in a warehouse that was rebuilt.
    """

    resolution_number: int
    override_number: int = 0
    model_version: str | None = None


def resolved(work: duckdb.DuckDBPyConnection) -> Resolved:
    """Up to where the warehouse attached to `work` is resolved."""
    row = work.execute("from warehouse.identity.resolved").fetchone()
    if row:
        return Resolved(*row)
    # A rebuilt warehouse has the ledger, and none of the tables beside it.
    last = work.execute("select coalesce(max(resolution_number), 0) from warehouse.state.identity_assignments")
    (number,) = last.fetchone() or (0,)
    return Resolved(number)


def model_in_force(work: duckdb.DuckDBPyConnection) -> Model:
    """The model that was trained last, or the one that comes with the project."""
    row = work.execute(
        "select settings from warehouse.state.identity_models order by model_number desc limit 1"
    ).fetchone()
    return Model.from_settings(row[0]) if row else DEFAULT


def is_overridden(work: duckdb.DuckDBPyConnection, before: Resolved) -> bool:
    """Whether a steward has decided anything since."""
    found = work.execute(
        "select 1 from warehouse.state.identity_overrides where override_number > ? limit 1", [before.override_number]
    )
    return found.fetchone() is not None


def find_changes(work: duckdb.DuckDBPyConnection, before: Resolved, model: Model) -> bool:
    """Create, in the database `work`, `gathered` and `gathered_phones`, and of them `changed` and `gone`, of record_id.

    Returns whether all records were gathered; else those whose rows are new. With another model everybody counts as
    changed. Needs the normalising macros.
    """
    loads = f"select load_number, batch_id from warehouse.ledger.loads where feed = '{FEED}' and is_current"
    is_taken_back = work.execute(
        f"select 1 from warehouse.identity.loads anti join ({loads}) using (load_number) limit 1"
    ).fetchone()
    is_same_model = before.model_version == model.version
    of = None
    if is_same_model and not is_taken_back:
        of = "touched"
        work.execute(
            f"""
            create table touched as
            select distinct source_system, customer_key
            from warehouse.raw.{FEED}
            where batch_id in (
                select batch_id from ({loads}) anti join warehouse.identity.loads using (load_number)
            )
            """
        )
    gather_records(work, f"warehouse.raw.{FEED}", "gathered", "gathered_phones", of)
    if is_same_model:
        work.execute(
            f"""
            create table changed as
            {_contents("gathered", "gathered_phones")}
            except
            {_contents("warehouse.identity.records", "warehouse.identity.phones")};
            alter table changed drop column content;
            """
        )
    else:
        work.execute("create table changed as select record_id from gathered")
    work.execute(
        f"""
        create table gone as
        select record_id from warehouse.identity.records where {of is None}
        except
        select record_id from gathered;
        """
    )
    return of is None


def complete_records(work: duckdb.DuckDBPyConnection, is_complete: bool) -> None:
    """Create `all_records` and `all_phones`: what was gathered, and unless this is complete, what stands beside it."""
    if is_complete:
        work.execute("alter table gathered rename to all_records")
        work.execute("alter table gathered_phones rename to all_phones")
        return
    work.execute(
        """
        create table all_records as
        from gathered
        union all
        select * from warehouse.identity.records where record_id not in (select record_id from gathered);
        create table all_phones as
        from gathered_phones
        union all
        select * from warehouse.identity.phones where record_id not in (select record_id from gathered);
        """
    )


def _contents(records: str, phones: str) -> str:
    """The id of each record that was gathered, and a hash of all that is compared of it in these two tables."""
    return f"""
        select record_id, hash(records, numbers.phones) as content
        from {records} as records
        left join (
            select record_id, list((phone, valid_from, valid_to) order by all) as phones
            from {phones}
            where record_id in (select record_id from gathered)
            group by all
        ) as numbers using (record_id)
        where record_id in (select record_id from gathered)
    """


def keep_changes(warehouse: duckdb.DuckDBPyConnection, is_everybody: bool) -> None:
    """Write what find_changes and the matching found into schema `identity`, within the caller's transaction.

    `is_everybody`: whether all records changed, and nothing that was known stands.
    """
    if is_everybody:
        warehouse.execute(
            """
            delete from identity.records;
            insert into identity.records from work.all_records;
            delete from identity.phones;
            insert into identity.phones from work.all_phones;
            delete from identity.edges;
            insert into identity.edges from work.found_edges;
            delete from identity.review;
            insert into identity.review select record_a, record_b, rule, weight, reason from work.review;
            """
        )
        return
    for table, key in (("records", "record_id"), ("phones", "record_id"), ("edges", "record_a"), ("edges", "record_b")):
        warehouse.execute(f"delete from identity.{table} where {key} in {CHANGED_OR_GONE}")
    warehouse.execute(
        f"""
        insert into identity.records from work.all_records where record_id in (select record_id from work.changed);
        insert into identity.phones from work.all_phones where record_id in (select record_id from work.changed);
        insert into identity.edges from work.found_edges;
        delete from identity.review
        where record_a in (select record_id from work.subset_records)
            or record_b in (select record_id from work.subset_records)
            or record_a in {CHANGED_OR_GONE} or record_b in {CHANGED_OR_GONE};
        insert into identity.review select record_a, record_b, rule, weight, reason from work.review;
        """
    )


def note_resolved(warehouse: duckdb.DuckDBPyConnection, number: int, model: Model) -> None:
    """Note up to where identity is resolved now, within the caller's transaction."""
    warehouse.execute(
        f"""
        delete from identity.loads;
        insert into identity.loads select load_number from ledger.loads where feed = '{FEED}' and is_current;
        delete from identity.resolved;
        """
    )
    warehouse.execute(
        "insert into identity.resolved "
        "select ?, (select coalesce(max(override_number), 0) from state.identity_overrides), ?",
        [number, model.version],
    )
