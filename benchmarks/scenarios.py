"""What is measured: each scenario runs the same commands a person would, in a home of its own, and tells its figures.

Targets are printed beside the figures and never asserted: time depends on the machine.
"""

import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
from agreement import require_agreement
from bulk_load import load_memory, load_ratio, one_more_day
from erasure import erasure
from figures import Figure, cost
from identity import identity
from process_measurement import Measurement, measure
from small_day import deliver, hold_back

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent
CRMDW = str(Path(sys.executable).parent / "crmdw")
FIRST_DAY, LAST_DAY = date(2024, 1, 1), date(2024, 3, 31)


def nothing_new(work: Path, runs: int) -> Iterator[Figure]:
    """A run that finds nothing new."""
    home = _built_home(work)
    done = [_crmdw(home, "run", "--today", str(LAST_DAY)) for _ in range(runs)]
    seconds = statistics.median(each.seconds for each in done)
    yield Figure("a run that finds nothing new", f"{seconds:.1f} s", "8 s")
    yield from cost(min(done, key=_seconds))


def small_day(work: Path, runs: int) -> Iterator[Figure]:
    """One day of every feed onto a built warehouse, gates, dbt, audit and publish included; once, for it is then in."""
    home = _built_home(work)
    if not deliver(home / "inbox", work / "held_back"):
        raise RuntimeError("the day was delivered already; the scenario runs once in a home")
    done = _crmdw(home, "run", "--today", str(LAST_DAY + timedelta(days=1)))
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        row = warehouse.execute(
            "select count(distinct feed), sum(rows_read) from ledger.loads where delivery_date = ?", [LAST_DAY]
        ).fetchone()
    assert row is not None
    yield Figure(f"one small day: {row[0]} feeds, {row[1]:,} rows", f"{done.seconds:.1f} s", "40 s")
    yield from cost(done)
    yield from _steps(done)


def demo(work: Path, runs: int) -> Iterator[Figure]:
    """`make demo` after set-up: 5,000 customers, 24 months of daily files."""
    home = work / "demo"
    simulated = _crmdw(home, "simulate")
    done = _crmdw(home, "run")
    total = simulated.seconds + done.seconds
    yield Figure("make demo: 5,000 customers, 24 months", f"{total:.1f} s", "120 s")
    yield from cost(simulated, done, target="1.5 GB")
    yield Figure("  simulate", f"{simulated.seconds:.1f} s")
    yield from _steps(done)


def complete_journey(work: Path, runs: int) -> Iterator[Figure]:
    """The real data end to end, and a bare DuckDB script over the same files, in turns."""
    whole: list[Measurement] = []
    bare: list[Measurement] = []
    for number in range(runs):
        home, out = work / f"complete_journey_{number}", work / f"bare_{number}.duckdb"
        whole.append(_crmdw(home, "--sources", str(PROJECT / "examples/complete_journey/sources.yml"), "run"))
        bare.append(measure([sys.executable, str(FOLDER / "bare_duckdb.py"), str(out)], {}))
    seconds = statistics.median(each.seconds for each in whole)
    bare_seconds = statistics.median(each.seconds for each in bare)
    yield Figure("The Complete Journey, end to end", f"{seconds:.1f} s", "90 s")
    yield from cost(min(whole, key=_seconds), target="2 GB")
    yield from _steps(min(whole, key=_seconds))
    yield Figure("bare DuckDB script, same core and marts", f"{bare_seconds:.1f} s")
    yield from cost(min(bare, key=_seconds))
    yield Figure("ratio", f"{seconds / bare_seconds:.1f}")
    yield Figure("tables of equal content", require_agreement(home / "published" / "crm.duckdb", out))


def million_customers(work: Path, runs: int) -> Iterator[Figure]:
    """Simulate 1,000,000 customers with 20,000,000 transactions and all that goes with them: once, it is long."""
    home = work / "million_customers"
    done = _crmdw(home, "simulate", "--customers", "1000000", "--start", "2023-01-01", "--end", "2024-03-31")
    totals = duckdb.read_parquet(str(home / "truth" / "totals.parquet"))
    counts = totals.aggregate("sum(row_count) filter (feed = 'branch__transactions'), sum(row_count), sum(file_count)")
    row = counts.fetchone()
    assert row is not None
    yield Figure("simulate 1,000,000 customers", f"{done.seconds:.0f} s", "240 s")
    yield from cost(done, target="4 GB")
    for name, count in zip(("transactions", "rows", "files"), row, strict=True):
        yield Figure(f"  {name}", f"{count:,}")
    # Five gigabytes that nothing after it needs.
    shutil.rmtree(home)


SCENARIOS: dict[str, Callable[[Path, int], Iterator[Figure]]] = {
    scenario.__name__: scenario
    for scenario in (
        nothing_new,
        small_day,
        demo,
        complete_journey,
        load_ratio,
        load_memory,
        one_more_day,
        identity,
        erasure,
        million_customers,
    )
}
# Minutes and gigabytes: only when asked for.
LONG = {scenario.__name__ for scenario in (load_memory, one_more_day, identity, erasure, million_customers)}


def _built_home(work: Path) -> Path:
    """A warehouse built from three months without their last day, which waits in `work/held_back`."""
    home = work / "small"
    if not home.exists():
        _crmdw(home, "simulate", "--customers", "1000", "--start", str(FIRST_DAY), "--end", str(LAST_DAY))
        hold_back(home / "inbox", work / "held_back", LAST_DAY)
        # Nothing is overdue on the last day itself.
        _crmdw(home, "run", "--today", str(LAST_DAY))
    return home


def _crmdw(home: Path, *arguments: str) -> Measurement:
    return measure([CRMDW, *arguments], {"CRMDW_HOME": str(home), "CRMDW_SOURCES": ""})


def _seconds(measurement: Measurement) -> float:
    return measurement.seconds


def _steps(measurement: Measurement) -> Iterator[Figure]:
    """Where the seconds go: the steps of half a second and more, the longest first, and the rest together."""
    long = {step: seconds for step, seconds in measurement.steps.items() if seconds >= 0.5}
    for step, seconds in sorted(long.items(), key=lambda item: -item[1]):
        yield Figure(f"    {step}", f"{seconds:.1f} s")
    yield Figure("    everything else", f"{measurement.seconds - sum(long.values()):.1f} s")
