"""Connected components of a graph too large for anything but SQL.

Each node points to its smallest neighbour, pointers are followed to their ends, and the graph of the ends is what is
left: every round at least halves it, so the work is linear in practice. The order of rows does not matter.
"""

import duckdb


def find_components(connection: duckdb.DuckDBPyConnection, edges: str) -> None:
    """Create the temporary table `components` (node, component) of all nodes in `edges` (node_a, node_b)."""
    connection.execute(f"create or replace temp table left_over as select node_a, node_b from {edges}")
    connection.execute("""
        create or replace temp table components as
        select node, node as component from (select node_a as node from left_over union select node_b from left_over)
    """)
    while _count(connection, "select count(*) from left_over"):
        _point_to_smallest(connection)
        _follow_to_ends(connection)
        connection.execute("""
            create or replace temp table components as
            select components.node, coalesce(pointers.target, components.component) as component
            from components left join pointers on components.component = pointers.node
        """)
        connection.execute("""
            create or replace temp table left_over as
            select distinct a.target as node_a, b.target as node_b
            from left_over
            inner join pointers as a on left_over.node_a = a.node
            inner join pointers as b on left_over.node_b = b.node
            where a.target <> b.target
        """)
    for table in ("left_over", "pointers"):
        connection.execute(f"drop table if exists {table}")


def _point_to_smallest(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        create or replace temp table pointers as
        select node, least(node, min(neighbour)) as target
        from (
            select node_a as node, node_b as neighbour from left_over
            union all
            select node_b, node_a from left_over
        )
        group by node
    """)


def _follow_to_ends(connection: duckdb.DuckDBPyConnection) -> None:
    jump = "pointers inner join pointers as next on pointers.target = next.node"
    while _count(connection, f"select count(*) from {jump} where next.target <> pointers.target"):
        connection.execute(f"create or replace temp table pointers as select pointers.node, next.target from {jump}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)
