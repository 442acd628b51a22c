"""Components of edges, whatever their order, and where they are kept apart."""

from itertools import pairwise

import duckdb
import pytest

from pipelines.identity.clusters import cluster

Edge = tuple[str, str, int, float | None]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def clustered(
    connection: duckdb.DuckDBPyConnection,
    records: str,
    edges: list[Edge],
    never: list[tuple[str, str]] | None = None,
    max_size: int = 100,
) -> set[str]:
    """The clusters, each as its records' letters in order."""
    connection.execute("create or replace table records as select unnest(string_split(?, '')) as record_id", [records])
    connection.execute(
        "create or replace table edges (record_a varchar, record_b varchar, rule varchar, tier integer, weight double)"
    )
    for a, b, tier, weight in edges:
        connection.execute("insert into edges values (?, ?, ?, ?, ?)", [a, b, f"rule of tier {tier}", tier, weight])
    connection.execute("create or replace table never (record_a varchar, record_b varchar)")
    for pair in never or []:
        connection.execute("insert into never values (?, ?)", pair)
    cluster(connection, "records", "edges", "never", max_size)
    rows = connection.execute(
        "select cluster_id, string_agg(record_id, '' order by record_id) from clusters group by all"
    ).fetchall()
    assert all(cluster_id == members[0] for cluster_id, members in rows)
    return {members for _, members in rows}


def review(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    return connection.execute("select record_a, record_b, reason from review").fetchall()


def test_a_chain_is_one_cluster_and_a_lonely_record_its_own(connection: duckdb.DuckDBPyConnection) -> None:
    edges: list[Edge] = [("c", "d", 2, None), ("a", "b", 2, None), ("b", "c", 3, 6.0), ("e", "f", 2, None)]
    assert clustered(connection, "abcdefg", edges) == {"abcd", "ef", "g"}
    assert review(connection) == []


def test_a_long_chain_in_any_order_is_one_cluster(connection: duckdb.DuckDBPyConnection) -> None:
    letters = "nabmclkdjeifhg"
    edges: list[Edge] = [(min(pair), max(pair), 2, None) for pair in pairwise(letters)]
    assert clustered(connection, "".join(sorted(letters)), edges) == {"abcdefghijklmn"}


def test_never_cuts_the_weakest_edge_between_the_two(connection: duckdb.DuckDBPyConnection) -> None:
    edges: list[Edge] = [("a", "b", 2, None), ("b", "c", 3, 5.0), ("c", "d", 3, 9.0)]
    assert clustered(connection, "abcd", edges, never=[("d", "a")]) == {"ab", "cd"}
    assert review(connection) == [("b", "c", "never")]


def test_the_rule_of_a_record_is_that_of_its_surest_edge_within_the_cluster(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    edges: list[Edge] = [("a", "b", 3, 9.0), ("b", "c", 2, None), ("c", "d", 1, None)]
    assert clustered(connection, "abcde", edges, never=[("b", "c")]) == {"ab", "cd", "e"}
    rules = dict(connection.execute("select record_id, rule from clusters").fetchall())
    weighed, trusted = "rule of tier 3", "rule of tier 1"
    assert rules == {"a": weighed, "b": weighed, "c": trusted, "d": trusted, "e": None}


def test_weak_edges_do_not_grow_a_cluster_beyond_the_size(connection: duckdb.DuckDBPyConnection) -> None:
    edges: list[Edge] = [("a", "b", 1, None), ("b", "c", 1, None), ("c", "d", 1, None), ("d", "e", 3, 5.0)]
    assert clustered(connection, "abcde", edges, max_size=3) == {"abcd", "e"}
    assert review(connection) == [("d", "e", "size")]
