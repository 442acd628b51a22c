"""The rules over batches: which delivery is refused whole."""

from pathlib import Path

import duckdb

BATCHES = [
    # batch, tolerance, read, quarantined, fault
    ("clean", 0.05, 100, 0, None),
    ("empty", 0.05, 0, 0, None),
    ("at the tolerance", 0.05, 100, 5, None),
    ("above the tolerance", 0.05, 100, 6, None),
    ("one bad row of a small day", 0.05, 3, 1, None),
    ("two bad rows of a small day", 0.05, 3, 2, None),
    ("one bad row where none is tolerated", 0, 1000, 1, None),
    ("unreadable", 0.05, 0, 0, "customers.csv: row 1: the columns are missing"),
]


def test_a_batch_is_refused_for_a_fault_or_for_more_held_rows_than_tolerated(tmp_path: Path) -> None:
    from expectations.batches import SUITE  # noqa: PLC0415 (importing Great Expectations takes seconds)
    from pipelines.gate.engine import judge  # noqa: PLC0415

    path = tmp_path / "gate.duckdb"
    with duckdb.connect(str(path)) as gate:
        gate.execute(
            "create table batches (batch_id varchar, row_number bigint, tolerance double, rows_read bigint, "
            "rows_quarantined bigint, fault varchar)"
        )
        gate.executemany("insert into batches values (?, 0, ?, ?, ?, ?)", BATCHES)
    judgements = judge(path, "batches", SUITE)
    with duckdb.connect(str(path)) as gate:
        found = {
            judgement.rule: {row[0] for row in gate.execute(judgement.failing_rows).fetchall()}
            for judgement in judgements
            if judgement.failing_rows
        }
    assert found == {
        "the file can be read and has the contract's columns": {"unreadable"},
        "no more rows are held back than the contract tolerates": {
            "above the tolerance",
            "two bad rows of a small day",
            "one bad row where none is tolerated",
        },
    }
    assert {judgement.severity for judgement in judgements} == {"critical"}
