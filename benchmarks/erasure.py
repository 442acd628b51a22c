"""What it costs to erase one person, and a hundred at once, from a home that was simulated and loaded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
from figures import Figure, cost
from process_measurement import Measurement, measure

CRMDW = str(Path(sys.executable).parent / "crmdw")
PERSONS = 100


def erasure(work: Path, runs: int, customers: int = 5_000) -> Iterator[Figure]:
    """Erase one person and then PERSONS more from a home of `customers` and 24 months: once, for they are then gone."""
    home = work / "erasure"
    _crmdw(home, "simulate", "--customers", str(customers))
    _crmdw(home, "run")
    first, *others = _customers(home, PERSONS + 1)
    named = work / "erased_customers.txt"
    named.write_text("\n".join(others))
    asked = ("--reason", "benchmark", "--by", "benchmark", "--yes")
    one = _crmdw(home, "erase", first, *asked)
    many = _crmdw(home, "erase", "--from", str(named), *asked)
    for count, done, target in ((1, one, "300 s"), (PERSONS, many, "")):
        yield Figure(f"erase {count:,} of {customers:,} customers", f"{done.seconds:.1f} s", target)
        yield from cost(done)
        for step, seconds in done.steps.items():
            yield Figure(f"    {step}", f"{seconds:.1f} s")
    yield Figure(f"  ratio of {PERSONS} to one", f"{many.seconds / one.seconds:.2f}", "2")


def _customers(home: Path, count: int) -> list[str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select distinct source_system || ':' || customer_key as customer from raw.branch__customers "
            "where customer_key is not null order by md5(customer) limit ?",
            [count],
        ).fetchall()
    return [customer for (customer,) in rows]


def _crmdw(home: Path, *arguments: str) -> Measurement:
    return measure([CRMDW, *arguments], {"CRMDW_HOME": str(home), "CRMDW_SOURCES": ""})
