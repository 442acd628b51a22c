"""The identity ledger: which customer each record belongs to, and what merged, split or moved since.

Nothing remakes it, so its tables are append-only, lie in schema `state`, and are exported with the decisions. A
customer_id is the record_id of the record that founded the customer, and stays while others join and leave.
"""

from datetime import datetime

import duckdb

from pipelines.connections import has_table

TABLES = """
create schema if not exists state;
create table if not exists state.identity_assignments (
    record_id varchar not null,
    customer_id varchar not null,
    rule varchar not null,
    resolution_number bigint not null
);
create table if not exists state.identity_events (
    event_number bigint primary key,
    kind varchar not null check (kind in ('merge', 'split', 'move')),
    customer_id varchar not null,
    other_customer_id varchar not null,
    record_a varchar,
    record_b varchar,
    rule varchar,
    weight double,
    model_version varchar not null,
    resolution_number bigint not null,
    recorded_at timestamp not null,
    run_id varchar not null
);
create table if not exists state.identity_overrides (
    override_number bigint primary key,
    kind varchar not null check (kind in ('always', 'never')),
    record_a varchar not null,
    record_b varchar not null,
    decided_by varchar not null,
    decided_at timestamp not null,
    reason varchar not null,
    undone_event_number bigint
);
create table if not exists state.identity_models (
    model_number bigint primary key,
    version varchar not null,
    settings varchar not null,
    trained_at timestamp not null,
    trained_records bigint not null
);
"""
"""The shape of the ledger. Of a merge, `customer_id` is who stays and `other_customer_id` who ceases; of a split, the
new customer and the one it came out of; of a move, a record (record_a) went from the other to this one."""

EXPORTED = {
    "identity_assignments": "resolution_number, record_id",
    "identity_events": "event_number",
    "identity_overrides": "override_number",
    "identity_models": "model_number",
}
"""Table -> the columns by which it grows."""

NUMBERS = {
    "identity_assignments": "resolution_number",
    "identity_events": "resolution_number",
    "identity_overrides": "override_number",
    "identity_models": "model_number",
}
"""Table -> the number that says how far it has come."""


def decided(warehouse: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """The numbers of the last override and the last model, where there are any: what people decided about identity."""
    if not has_table(warehouse, "state", "identity_models"):
        return ()  # a home from before there was a ledger of identity, which its next run creates
    row = warehouse.execute(
        """
        select
            (select max(override_number) from state.identity_overrides),
            (select max(model_number) from state.identity_models)
        """
    ).fetchone()
    return tuple(number for number in row or () if number is not None)


def assignments_in_force(catalog: str = "") -> str:
    """The query of each record's last assignment."""
    return (
        f"from {catalog}state.identity_assignments "
        "qualify resolution_number = max(resolution_number) over (partition by record_id)"
    )


def overrides_in_force(kind: str, catalog: str = "") -> str:
    """The query of the pairs (record_a, record_b) whose last override is `kind`."""
    return f"""
        select record_a, record_b
        from {catalog}state.identity_overrides
        qualify override_number = max(override_number) over (partition by record_a, record_b)
            and kind = '{kind}'
    """


# A customer goes on where its founding record is; where that is gone, where the first of its records is.
_OWNERS = """
create or replace table work.owners as
with members as (
    select
        clusters.cluster_id,
        clusters.record_id,
        prior.customer_id,
        records.first_delivery_date,
        records.source_system,
        records.record_key,
    from clusters
    inner join subset_records as records using (record_id)
    left join prior using (record_id)
), claims as (
    select
        members.customer_id,
        coalesce(founders.cluster_id, members.cluster_id) as cluster_id,
        row_number() over (
            partition by members.customer_id
            order by founders.cluster_id is null, first_delivery_date, source_system, record_key
        ) as place,
    from members
    left join clusters as founders on members.customer_id = founders.record_id
    where members.customer_id is not null
)
select claims.customer_id, claims.cluster_id
from claims
where place = 1
"""

_CHOSEN = """
create or replace table work.chosen as
with founders as (
    select clusters.cluster_id, arg_min(
        record_id, (records.first_delivery_date, records.source_system, records.record_key)
    ) as record_id
    from clusters
    inner join subset_records as records using (record_id)
    group by clusters.cluster_id
), oldest as (
    select owners.cluster_id, arg_min(owners.customer_id, (
        firsts.first_resolution, records.first_delivery_date, records.source_system, records.record_key
    )) as customer_id
    from owners
    inner join (
        select customer_id, min(resolution_number) as first_resolution
        from warehouse.state.identity_assignments
        where customer_id in (select customer_id from owners)
        group by customer_id
    ) as firsts using (customer_id)
    left join subset_records as records on owners.customer_id = records.record_id
    group by owners.cluster_id
)
select
    founders.cluster_id,
    coalesce(oldest.customer_id, returned.customer_id, founders.record_id) as customer_id,
from founders
left join returned using (record_id)
left join oldest using (cluster_id)
"""

_ASSIGNED = """
create or replace table work.assigned as
select clusters.record_id, chosen.customer_id, coalesce(clusters.rule, 'own_key') as rule, prior.customer_id as before
from clusters
inner join chosen using (cluster_id)
left join prior using (record_id)
"""

_EVENTS = """
create or replace table work.events as
with changes as (
    select
        case
            when before not in (select customer_id from chosen) then 'merge'
            when customer_id not in (select customer_id from owners) then 'split'
            else 'move'
        end as kind,
        customer_id,
        before as other_customer_id,
        min(record_id) as record_id,
    from assigned
    where before <> customer_id
    group by all
), evidence as (
    select
        changes.customer_id,
        changes.other_customer_id,
        arg_min(edges, (edges.tier, -coalesce(edges.weight, 0), edges.record_a, edges.record_b)) as edge,
    from changes
    inner join assigned as movers on changes.other_customer_id = movers.before
        and changes.customer_id = movers.customer_id
    inner join (
        from subset_edges
        union all by name
        select record_b as record_a, record_a as record_b, * exclude (record_a, record_b) from subset_edges
    ) as edges on movers.record_id = edges.record_a
    inner join assigned as others on edges.record_b = others.record_id
        and others.customer_id = movers.customer_id
        and others.before is distinct from movers.before
    where changes.kind <> 'split'
    group by all
)
select
    changes.kind,
    changes.customer_id,
    changes.other_customer_id,
    coalesce(evidence.edge.record_a, changes.record_id) as record_a,
    evidence.edge.record_b as record_b,
    evidence.edge.rule as rule,
    evidence.edge.weight as weight,
from changes
left join evidence using (customer_id, other_customer_id)
"""


def assign_customers(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `assigned` (record_id, customer_id, rule, before) and `events`, what changed among known customers.

    Needs `clusters` (record_id, cluster_id, rule), `subset_records` and `subset_edges` of the same records, `returned`
    (record_id, customer_id), whose own ids are not to be had again, and the warehouse attached. The customer that was
    there first survives a merge; what leaves a customer is named after the first of its records, by (first delivery,
    system, number).
    """
    connection.execute(
        f"""
        create or replace table work.prior as
        select record_id, customer_id
        from ({assignments_in_force("warehouse.")})
        where record_id in (select record_id from clusters)
        """
    )
    for statement in (_OWNERS, _CHOSEN, _ASSIGNED, _EVENTS):
        connection.execute(statement)


def write_assignments(
    warehouse: duckdb.DuckDBPyConnection, number: int, model_version: str, run_id: str, now: datetime
) -> None:
    """Append what assign_customers found to the ledger, within the caller's transaction."""
    warehouse.execute(
        f"""
        insert into state.identity_assignments by name
        select assigned.record_id, assigned.customer_id, assigned.rule, ? as resolution_number
        from work.assigned as assigned
        anti join ({assignments_in_force()}) as last using (record_id, customer_id, rule)
        order by assigned.record_id
        """,
        [number],
    )
    warehouse.execute(
        """
        insert into state.identity_events by name
        select
            (select coalesce(max(event_number), 0) from state.identity_events)
            + row_number() over (order by kind, customer_id, other_customer_id) as event_number,
            kind, customer_id, other_customer_id, record_a, record_b, rule, weight,
            $version as model_version, $number as resolution_number, $now as recorded_at, $run as run_id,
        from work.events
        """,
        {"version": model_version, "number": number, "now": now, "run": run_id},
    )
