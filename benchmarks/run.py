"""Measures times, memory and the ratio to a bare DuckDB script, and prints them; `make bench` runs it.

python benchmarks/run.py [--only NAME] [--runs N] [--customers N]
"""

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

from erasure import erasure
from rich.console import Console
from scenarios import LONG, SCENARIOS

_MEGABYTE = 1 << 20


def main() -> None:
    """Run the chosen scenarios in a temporary folder and print their figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        action="append",
        choices=SCENARIOS,
        help="this scenario instead of all but the long ones; may be repeated",
    )
    parser.add_argument("--runs", type=int, default=1, help="how many runs a median is taken of; default 1")
    parser.add_argument("--customers", type=int, help="how many customers `erasure` has; default 5,000")
    options = parser.parse_args()
    if options.customers:
        SCENARIOS["erasure"] = partial(erasure, customers=options.customers)
    console = Console(highlight=False)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1024 * _MEGABYTE)
    console.print(f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GB; load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="crm-warehouse-bench-") as folder:
        for name in options.only or [name for name in SCENARIOS if name not in LONG]:
            console.print(f"\n[bold]{name}[/bold]")
            for figure in SCENARIOS[name](Path(folder), options.runs):
                target = f"target {figure.target}" if figure.target else ""
                console.print(f"  {figure.name:<48}{figure.figure:>12}  {target}".rstrip(), soft_wrap=True)


if __name__ == "__main__":
    main()
