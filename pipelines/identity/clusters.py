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
_TABLES = ("nodes", "evidence", "components", "kept_apart", "doubted", "sorted_out", "refused", "parts")

# An edge in the order of how sure it is, and whether it may join beyond the size.
_Edge = tuple[str, str, str, int, float | None]


def cluster(
    connection: duckdb.DuckDBPyConnection, records: str, edges: str, never: str, max_size: int = MAX_SIZE
) -> None:
    """Create the tables `clusters` and `review`.

    These are (record_id, cluster_id, rule) and (record_a, record_b, rule, weight, reason). `records` has every
    record_id, also of those without an edge; `edges` those of the steward as well; `never` is pairs (record_a,
    record_b) in any order. A cluster is a connected component, known by its smallest record_id; `rule` is that of the
    surest edge that holds the record in it, and null where it is alone. Where a component holds a `never` pair or more
    than `max_size` records, its edges are taken again, the surest first, and an edge that would join such a pair, or
    grow a cluster beyond `max_size` without a trusted key, goes to `review` with the reason.
    """
    # Records are identified by numbers, which are many times as quick to group and to join as their ids.
    connection.execute(f"""
        create or replace temp table nodes as
        select record_id, (row_number() over ())::uinteger as node from {records}
    """)
    connection.execute(f"""
        create or replace temp table evidence as
        select a.node as node_a, b.node as node_b, edges.rule, edges.tier, edges.weight
        from {edges} as edges
        inner join nodes as a on edges.record_a = a.record_id
        inner join nodes as b on edges.record_b = b.record_id
    """)
    find_components(connection, "evidence")
    _find_doubted(connection, never, max_size)
    _sort_out(connection, max_size)
    connection.execute("""
        create or replace temp table parts as
        select node, component as part
        from components
        where component not in (select component from doubted)
        union all
        select node, part from sorted_out
    """)
    connection.execute("""
        create or replace table clusters as
        with

        grouped as (
            select nodes.node, nodes.record_id, parts.part
            from nodes
            left join parts on nodes.node = parts.node
        ),

        named as (
            select part, min(record_id) as cluster_id
            from grouped
            where part is not null
            group by part
        ),

        within as (
            select
                evidence.node_a,
                evidence.node_b,
                struct_pack(tier, doubt := -coalesce(weight, 0), rule) as surest
            from evidence
            inner join parts as a on evidence.node_a = a.node
            inner join parts as b on evidence.node_b = b.node and a.part = b.part
        ),

        ruled as (
            select node, min(surest).rule as rule
            from (
                select node_a as node, surest from within
                union all
                select node_b, surest from within
            )
            group by node
        )

        select grouped.record_id, coalesce(named.cluster_id, grouped.record_id) as cluster_id, ruled.rule
        from grouped
        left join named on grouped.part = named.part
        left join ruled on grouped.node = ruled.node
    """)
    connection.execute("create or replace table review as select * from refused order by all")
    for table in _TABLES:
        connection.execute(f"drop table {table}")


def _find_doubted(connection: duckdb.DuckDBPyConnection, never: str, max_size: int) -> None:
    """Create `doubted`, the components that cannot stay as they are, and `kept_apart`, the pairs within them."""
    connection.execute(f"""
        create or replace temp table kept_apart as
        with members as (
            select nodes.record_id, components.component
            from components
            inner join nodes on components.node = nodes.node
        )
        select a.component, never.record_a, never.record_b
        from {never} as never
        inner join members as a on never.record_a = a.record_id
        inner join members as b on never.record_b = b.record_id and a.component = b.component
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
    """Create `sorted_out` (node, part) and `refused` of the doubted components.

    Edge by edge, for each decision depends on those before it; these components are few.
    """
    found = connection.execute("""
        select a.record_id, b.record_id, evidence.rule, evidence.tier, evidence.weight
        from evidence
        inner join components on evidence.node_a = components.node
        inner join nodes as a on evidence.node_a = a.node
        inner join nodes as b on evidence.node_b = b.node
        where components.component in (select component from doubted)
        order by evidence.tier, evidence.weight desc nulls last, a.record_id, b.record_id, evidence.rule
    """).fetchall()
    apart = connection.execute("select record_a, record_b from kept_apart").fetchall()
    parts = _Parts(apart, max_size)
    refused = [(*edge[:3], edge[4], reason) for edge in found if (reason := parts.join(edge))]
    # Numbers below zero are no component's.
    connection.execute(
        """
        create or replace temp table sorted_out as
        select nodes.node, -1 - parents.node::bigint as part
        from (select unnest($records::varchar[]) as record_id, unnest($names::varchar[]) as parent) as found
        inner join nodes on found.record_id = nodes.record_id
        inner join nodes as parents on found.parent = parents.record_id
        """,
        {"records": list(parts.root), "names": [parts.find(record) for record in parts.root]},
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
