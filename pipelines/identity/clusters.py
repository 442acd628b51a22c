"""From edges to customers: connected components, kept apart where a steward says so and where they grow too large.

Who is a customer from one day to the next is the ledger's; here a cluster has no memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from pipelines.identity.components import find_components

MAX_SIZE = 100
"""Records of one customer up to which any edge may join them: more than one person has in all systems of a company."""

STEWARD = "steward"
"""The rule of an `always` pair, which is surer than any other."""

_TRUSTED = 1
_TABLES = ("evidence", "components", "kept_apart", "doubted", "sorted_out", "refused")

# An edge in the order of how sure it is, and whether it may join beyond the size.
_Edge = tuple[str, str, str, int, float | None]


def cluster(
    connection: duckdb.DuckDBPyConnection,
    records: str,
    edges: str,
    never: str,
    always: str,
    max_size: int = MAX_SIZE,
) -> None:
    """Create the tables `clusters` (record_id, cluster_id) and `review` (record_a, record_b, rule, weight, reason).

    `records` has every record_id, also of those without an edge; `never` and `always` are pairs (record_a, record_b)
    in any order. A cluster is a connected component, known by its smallest record_id. Where one holds a `never` pair
    or more than `max_size` records, its edges are taken again, the surest first, and an edge that would join such a
    pair, or grow a cluster beyond `max_size` without a trusted key, goes to `review` with the reason.
    """
    connection.execute(f"""
        create or replace temp table evidence as
        select record_a, record_b, rule, tier, weight from {edges}
        union all
        select distinct least(record_a, record_b), greatest(record_a, record_b), '{STEWARD}', 0, null::double
        from {always}
    """)
    find_components(connection, "evidence")
    _find_doubted(connection, never, max_size)
    _sort_out(connection, max_size)
    connection.execute(f"""
        create or replace table clusters as
        with

        grouped as (
            select record_id, component::varchar as cluster_name
            from components
            where component not in (select component from doubted)
            union all
            select record_id, cluster_name from sorted_out
        ),

        named as (
            select cluster_name, min(record_id) as cluster_id from grouped group by cluster_name
        )

        select records.record_id, coalesce(named.cluster_id, records.record_id) as cluster_id
        from {records} as records
        left join grouped on records.record_id = grouped.record_id
        left join named on grouped.cluster_name = named.cluster_name
    """)
    connection.execute("create or replace table review as select * from refused order by all")
    for table in _TABLES:
        connection.execute(f"drop table {table}")


def _find_doubted(connection: duckdb.DuckDBPyConnection, never: str, max_size: int) -> None:
    """Create `doubted`, the components that cannot stay as they are, and `kept_apart`, the pairs within them."""
    connection.execute(f"""
        create or replace temp table kept_apart as
        select a.component, never.record_a, never.record_b
        from {never} as never
        inner join components as a on never.record_a = a.record_id
        inner join components as b on never.record_b = b.record_id and a.component = b.component
    """)
    connection.execute(
        """
        create or replace temp table doubted as
        select component from kept_apart
        union
        select component from components group by component having count(*) > ?
        """,
        [max_size],
    )


def _sort_out(connection: duckdb.DuckDBPyConnection, max_size: int) -> None:
    """Create `sorted_out` (record_id, cluster_name) and `refused` of the doubted components.

    Edge by edge, for each decision depends on those before it; these components are few.
    """
    found = connection.execute("""
        select evidence.record_a, evidence.record_b, evidence.rule, evidence.tier, evidence.weight
        from evidence
        inner join components on evidence.record_a = components.record_id
        where components.component in (select component from doubted)
        order by evidence.tier, evidence.weight desc nulls last, evidence.record_a, evidence.record_b, evidence.rule
    """).fetchall()
    apart = connection.execute("select record_a, record_b from kept_apart").fetchall()
    parts = _Parts(apart, max_size)
    refused = [(*edge[:3], edge[4], reason) for edge in found if (reason := parts.join(edge))]
    connection.execute("create or replace temp table sorted_out (record_id varchar, cluster_name varchar)")
    connection.execute(
        "insert into sorted_out select unnest($records::varchar[]), unnest($names::varchar[])",
        {"records": list(parts.root), "names": [f"part of {parts.find(record)}" for record in parts.root]},
    )
    connection.execute("""
        create or replace temp table refused (
            record_a varchar, record_b varchar, rule varchar, weight double, reason varchar
        )
    """)
    if refused:
        connection.executemany("insert into refused values (?, ?, ?, ?, ?)", refused)


class _Parts:
    """Disjoint sets that refuse to be joined."""

    def __init__(self, apart: Iterable[tuple[str, str]], max_size: int) -> None:
        self.root: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        self._apart: dict[str, set[str]] = {}
        self._max_size = max_size
        for one, other in apart:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)

    def find(self, record: str) -> str:
        """The name of the set that `record` is in; at first its own."""
        if record not in self.root:
            self.root[record], self._members[record] = record, [record]
        return self.root[record]

    def join(self, edge: _Edge) -> str | None:
        """Join what `edge` joins; otherwise the reason why not."""
        small, large = sorted((self.find(edge[0]), self.find(edge[1])), key=lambda name: len(self._members[name]))
        if small == large:
            return None
        members = self._members[small]
        if any(self.find(other) == large for record in members for other in self._apart.get(record, ())):
            return "never"
        if edge[3] > _TRUSTED and len(members) + len(self._members[large]) > self._max_size:
            return "size"
        for record in members:
            self.root[record] = large
        self._members[large] += self._members.pop(small)
        return None
