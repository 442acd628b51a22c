"""How well clusters agree with the truth, counted over pairs of records without writing any pair down.

For tests and benchmarks: no run of the warehouse knows the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipelines.connections import identifier


@dataclass(frozen=True)
class PairScores:
    """Numbers of pairs: of one person in truth, put together, and both. Where there is no pair, nothing is wrong: 1."""

    true_pairs: int
    joined_pairs: int
    right_pairs: int

    @property
    def precision(self) -> float:
        return self.right_pairs / self.joined_pairs if self.joined_pairs else 1.0

    @property
    def recall(self) -> float:
        return self.right_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return (
            2 * self.right_pairs / (self.true_pairs + self.joined_pairs) if self.true_pairs + self.joined_pairs else 1.0
        )


def pair_scores(connection: duckdb.DuckDBPyConnection, clusters: str, truth: str) -> PairScores:
    """Compare the tables `clusters` and `truth`, each of two columns: the record's id and its cluster's or person's.

    A record that has no cluster stands alone. Raises ValueError where a record is twice in one of the tables, or has a
    cluster and no truth. n records make n(n - 1) / 2 pairs, so that the sizes of the groups are all that is counted.
    """
    row = connection.execute(
        f"""
        with clustered as (select * from {identifier(clusters)} as given (record_id, cluster_id)),
        known as (select * from {identifier(truth)} as given (record_id, person_id)),
        compared as (
            select
                record_id,
                person_id,
                coalesce(cluster_id::varchar, 'alone ' || record_id) as cluster_id
            from known
            left join clustered using (record_id)
        ),
        groups as (
            select grouping(person_id) as is_cluster, grouping(cluster_id) as is_person, count(*) as size
            from compared
            group by grouping sets ((person_id), (cluster_id), (person_id, cluster_id))
        )
        select
            coalesce(sum(size * (size - 1) // 2) filter (is_person = 1), 0)::bigint,
            coalesce(sum(size * (size - 1) // 2) filter (is_cluster = 1), 0)::bigint,
            coalesce(sum(size * (size - 1) // 2) filter (is_person = 0 and is_cluster = 0), 0)::bigint,
            (select count(*) - count(distinct record_id) from clustered),
            (select count(*) - count(distinct record_id) from known),
            (select count(*) from clustered anti join known using (record_id))
        from groups
        """
    ).fetchone()
    assert row is not None
    true_pairs, joined_pairs, right_pairs, *faults = row
    for count, fault in zip(faults, (f"twice in {clusters}", f"twice in {truth}", f"not in {truth}"), strict=True):
        if count:
            raise ValueError(f"{count} records are {fault}.")
    return PairScores(true_pairs, joined_pairs, right_pairs)
