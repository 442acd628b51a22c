"""What identity costs and how right it is: simulated registrations of growing numbers, and one more day of them.

As a script it is the process that is measured: `python benchmarks/identity.py FOLDER` resolves what lies there.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
from figures import Figure, cost
from process_measurement import Measurement, measure

from pipelines.connections import connected, literal
from pipelines.identity.learning import train_model
from pipelines.identity.resolution import resolve
from pipelines.identity.scoring import PairScores, pair_scores
from pipelines.ledger.identity import assignments_in_force
from pipelines.ledger.tables import create_tables
from pipelines.settings import Settings
from pipelines.simulator.registrations import write_registrations

FOLDER = Path(__file__).resolve().parent
SEED = 20_260_101
SIZES = (100_000, 300_000, 1_000_000)
LAST_DAY = date(2025, 12, 31)
NOW = datetime(2026, 1, 1)
MEMORY_LIMIT = "2500MB"


def identity(work: Path, runs: int) -> Iterator[Figure]:
    """The identity asset on 100,000, 300,000 and 1,000,000 people: the first resolution, and one day more."""
    for people in SIZES:
        folder = work / f"registrations_{people}"
        write_registrations(folder, people, SEED)
        done = min((_measured(folder) for _ in range(runs)), key=lambda each: each.seconds)
        told = json.loads((folder / "told.json").read_text())
        is_largest = people == max(SIZES)
        first = ("gathering", "comparing", "clustering")
        yield Figure(
            f"{people:,} people, {told['records']:,} records: first resolution",
            f"{sum(done.steps[step] for step in first):.1f} s",
            "60 s" if is_largest else "",
        )
        for step in first:
            yield Figure(f"    {step}", f"{done.steps[step]:.1f} s")
        yield Figure("  learning the model", f"{done.steps['learning']:.1f} s")
        yield Figure(
            f"  one day of {told['new']:,} records more", f"{done.steps['day']:.1f} s", "15 s" if is_largest else ""
        )
        yield Figure("  precision", f"{told['precision']:.4f}", ".995")
        yield Figure("  recall", f"{told['recall']:.4f}", ".97")
        yield from cost(done, target="4 GB" if is_largest else "")


def _measured(folder: Path) -> Measurement:
    return measure([sys.executable, __file__, str(folder)], {"PYTHONPATH": str(FOLDER.parent)})


def _resolve(folder: Path) -> None:
    """Learn and resolve all but the last day's rows, then the last day's; tell the steps and the scores."""
    started = time.monotonic()

    def step(name: str) -> None:
        print(
            f"{time.monotonic() - started:.1f} s  {name.split(maxsplit=1)[0]}: {folder.name}",
            file=sys.stderr,
            flush=True,
        )

    home = folder / "home"
    settings = Settings(home, home / "sources.yml", MEMORY_LIMIT, 2, 3)
    step("filling")
    home.mkdir(exist_ok=True)
    settings.warehouse.unlink(missing_ok=True)
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
        _deliver(warehouse, folder, "delivery_date < $last_day", 0)
    step("learning")
    train_model(settings, NOW)
    step("gathering")
    resolve(settings, "benchmark", NOW, progress=step)
    step("filling")
    with connected(settings, settings.warehouse) as warehouse:
        _deliver(warehouse, folder, "delivery_date >= $last_day", 1)
    step("day")
    found = resolve(settings, "benchmark", NOW)
    step("end")
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(f"create temp table truth as from {literal(folder / 'truth.parquet')}")
        warehouse.execute(
            f"create temp table clusters as select record_id, customer_id as cluster_id from ({assignments_in_force()})"
        )
        _tell(folder, found.records, found.changed, pair_scores(warehouse, "clusters", "truth"))


def _deliver(warehouse: duckdb.DuckDBPyConnection, folder: Path, condition: str, number: int) -> None:
    """Put rows into raw as one batch of number `number`, with its line in the ledger."""
    warehouse.execute(
        "insert into raw.branch__customers by name "
        "select *, $batch as batch_id, row_number() over () as row_number "
        f"from {literal(folder / 'rows.parquet')} where {condition}",
        {"last_day": LAST_DAY, "batch": f"batch {number}"},
    )
    warehouse.execute(
        """
        insert into ledger.loads by name
        select
            $number as load_number, batch_id, 'all' as source_system, 'branch__customers' as feed,
            max(delivery_date) as delivery_date, '' as part, '' as file, '' as file_hash, '' as reading_hash,
            count(*) as rows_read, count(*) as rows_loaded, 0 as rows_quarantined, 0 as rows_duplicate,
            0 as rows_unchanged, 0 as rows_blocked, 0 as rows_fixed, 0 as values_masked, 'loaded' as verdict,
            true as is_current, false as is_stale, false as is_retracted, '' as run_id, $now as loaded_at
        from raw.branch__customers
        where batch_id = $batch
        group by batch_id
        """,
        {"number": number, "batch": f"batch {number}", "now": NOW},
    )


def _tell(folder: Path, records: int, new: int, scores: PairScores) -> None:
    told = {"records": records, "new": new, "precision": scores.precision, "recall": scores.recall}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    _resolve(Path(sys.argv[1]))
