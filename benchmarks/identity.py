"""What matching costs and how right it is: simulated registrations of growing numbers, and one more day of them.

As a script it is the process that is measured: `python benchmarks/identity.py FOLDER` matches what lies there.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
from figures import Figure, cost
from process_measurement import Measurement, measure

from pipelines.connections import literal
from pipelines.identity.clusters import cluster
from pipelines.identity.edges import find_edges
from pipelines.identity.scoring import PairScores, pair_scores
from pipelines.identity.training import train
from pipelines.simulator.registrations import write_registrations

FOLDER = Path(__file__).resolve().parent
SEED = 20_260_101
SIZES = (100_000, 300_000, 1_000_000)
LAST_DAY = date(2025, 12, 31)
MEMORY_LIMIT = "3GB"


def identity(work: Path, runs: int) -> Iterator[Figure]:
    """Simulated registrations of 100,000, 300,000 and 1,000,000 people: the first resolution, and one day more."""
    for people in SIZES:
        folder = work / f"registrations_{people}"
        write_registrations(folder, people, SEED)
        done = min((_matched(folder) for _ in range(runs)), key=lambda each: each.seconds)
        told = json.loads((folder / "told.json").read_text())
        is_largest = people == max(SIZES)
        first = done.steps["edges"] + done.steps["clusters"]
        yield Figure(
            f"{people:,} people, {told['records']:,} records: first resolution",
            f"{first:.1f} s",
            "60 s" if is_largest else "",
        )
        yield Figure("  learning the model", f"{done.steps['train']:.1f} s")
        yield Figure(
            f"  one day of {told['new']:,} records more", f"{done.steps['day']:.1f} s", "15 s" if is_largest else ""
        )
        yield Figure("  precision", f"{told['precision']:.4f}", ".995")
        yield Figure("  recall", f"{told['recall']:.4f}", ".97")
        yield from cost(done, target="4 GB" if is_largest else "")


def _matched(folder: Path) -> Measurement:
    return measure([sys.executable, __file__, str(folder)], {"PYTHONPATH": str(FOLDER.parent)})


def _match(folder: Path) -> None:
    """Learn, match and cluster all but the last day's records, then the last day's; tell the steps and the scores."""
    started = time.monotonic()

    def step(name: str) -> None:
        print(f"{time.monotonic() - started:.1f} s  {name}: {folder.name}", file=sys.stderr, flush=True)

    with duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "threads": 2, "temp_directory": str(folder / "spill")}
    ) as connection:
        connection.execute("set preserve_insertion_order = false")
        for name in ("records", "phones", "truth"):
            connection.execute(f"create table {name} as from {literal(folder / f'{name}.parquet')}")
        connection.execute("create table known as from records where first_delivery_date < ?", [LAST_DAY])
        connection.execute(
            "create table new as select record_id from records where first_delivery_date >= ?", [LAST_DAY]
        )
        connection.execute("create table known_phones as from phones semi join known using (record_id)")
        connection.execute("create table never (record_a varchar, record_b varchar)")
        connection.execute("create table always (record_a varchar, record_b varchar)")
        step("train")
        model = train(connection, "known", "known_phones")
        step("edges")
        find_edges(connection, model, "known", "known_phones", None)
        step("clusters")
        cluster(connection, "known", "found_edges", "never", "always")
        step("keep")
        connection.execute("alter table found_edges rename to known_edges")
        step("day")
        find_edges(connection, model, "records", "phones", "new")
        connection.execute("create table all_edges as from known_edges union all from found_edges")
        cluster(connection, "records", "all_edges", "never", "always")
        step("end")
        _tell(connection, folder, pair_scores(connection, "clusters", "truth"))


def _tell(connection: duckdb.DuckDBPyConnection, folder: Path, scores: PairScores) -> None:
    row = connection.execute("select (select count(*) from records), (select count(*) from new)").fetchone() or (0, 0)
    told = {"records": row[0], "new": row[1], "precision": scores.precision, "recall": scores.recall}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    _match(Path(sys.argv[1]))
