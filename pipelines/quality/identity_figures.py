"""How identity stands, in figures: how many records are how many customers, by which evidence, and what changed.

`crmdw identity show` says who they are, on the terminal alone.
"""

from dataclasses import dataclass

import duckdb

from pipelines.connections import has_table
from pipelines.ledger.identity import assignments_in_force

_TIERS = ("a steward's word", "trusted key", "strong combination", "all evidence weighed")


@dataclass(frozen=True)
class IdentityFigures:
    """`rules`: (rule, what kind it is, edges, records that rest on it), the surest first; `sizes`: (records of a
    customer, customers); `events`: (kind, how many so far); `waiting`: pairs that wait for a steward's word."""

    records: int
    customers: int
    model_version: str
    rules: list[tuple[str, str, int, int]]
    sizes: list[tuple[int, int]]
    events: list[tuple[str, int]]
    waiting: int


def identity_figures(warehouse: duckdb.DuckDBPyConnection) -> IdentityFigures | None:
    """The figures of the last resolution, None where there was none."""
    if not has_table(warehouse, "identity", "resolved"):
        return None
    resolved = warehouse.execute("select model_version from identity.resolved").fetchone()
    if resolved is None:
        return None
    members = (
        f"select record_id, customer_id, rule from ({assignments_in_force()}) "
        "where record_id in (select record_id from identity.records)"
    )
    rules = warehouse.execute(
        f"""
        select rule, tier, coalesce(edges, 0), coalesce(records, 0)
        from (select rule, tier, count(*) as edges from identity.edges group by all) as found
        full join (select rule, count(*) as records from ({members}) where rule <> 'own_key' group by all) as used
            using (rule)
        order by tier nulls first, rule
        """
    ).fetchall()
    sizes = warehouse.execute(
        f"""
        select records, count(*)
        from (select customer_id, count(*) as records from ({members}) group by customer_id)
        group by records
        order by records
        """
    ).fetchall()
    events = warehouse.execute(
        "select kind, count(*) from state.identity_events group by kind order by kind"
    ).fetchall()
    (waiting,) = warehouse.execute("select count(*) from identity.review").fetchone() or (0,)
    return IdentityFigures(
        sum(records * customers for records, customers in sizes),
        sum(customers for _, customers in sizes),
        resolved[0],
        [(rule, _TIERS[tier or 0], edges, records) for rule, tier, edges, records in rules],
        sizes,
        events,
        waiting,
    )
