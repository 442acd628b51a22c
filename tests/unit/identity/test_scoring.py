"""Precision and recall over pairs are what they would be if each pair was written down."""

from itertools import combinations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.identity.scoring import PairScores, pair_scores


def scores(clusters: list[tuple[str, int]], truth: list[tuple[str, int]]) -> PairScores:
    with duckdb.connect() as connection:
        for table, rows in (("clusters", clusters), ("truth", truth)):
            connection.execute(f"create table {table} (record varchar, belongs_to integer)")
            if rows:
                connection.executemany(f"insert into {table} values (?, ?)", rows)
        return pair_scores(connection, "clusters", "truth")


def test_a_pair_too_many_costs_precision_and_a_pair_too_few_recall() -> None:
    truth = [("a", 1), ("b", 1), ("c", 1), ("d", 2), ("e", 2)]
    found = scores([("a", 7), ("b", 7), ("c", 8), ("d", 8), ("e", 9)], truth)
    assert found == PairScores(true_pairs=4, joined_pairs=2, right_pairs=1)
    assert (found.precision, found.recall) == (0.5, 0.25)
    assert found.f1 == pytest.approx(1 / 3)


def test_a_record_without_cluster_stands_alone() -> None:
    assert scores([("a", 7)], [("a", 1), ("b", 1), ("c", 1)]) == PairScores(3, 0, 0)


def test_without_any_pair_nothing_is_wrong() -> None:
    found = scores([("a", 7), ("b", 8)], [("a", 1), ("b", 2)])
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
    assert scores([], []).f1 == 1.0


@pytest.mark.parametrize(
    ("clusters", "truth", "fault"),
    [
        ([("a", 7), ("a", 8)], [("a", 1)], "1 records are twice in clusters"),
        ([("a", 7)], [("a", 1), ("a", 1)], "1 records are twice in truth"),
        ([("a", 7), ("b", 7)], [("a", 1)], "1 records are not in truth"),
    ],
)
def test_a_record_that_is_twice_or_without_truth_is_refused(
    clusters: list[tuple[str, int]], truth: list[tuple[str, int]], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        scores(clusters, truth)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_counting_groups_is_counting_pairs(records: list[tuple[int, int]]) -> None:
    clusters = [(str(place), cluster) for place, (cluster, _) in enumerate(records)]
    truth = [(str(place), person) for place, (_, person) in enumerate(records)]
    pairs = list(combinations(records, 2))
    assert scores(clusters, truth) == PairScores(
        true_pairs=sum(one[1] == other[1] for one, other in pairs),
        joined_pairs=sum(one[0] == other[0] for one, other in pairs),
        right_pairs=sum(one == other for one, other in pairs),
    )
