"""Measures this checkout against another commit, in turns in one run, as ratios of processor seconds.

python benchmarks/against.py COMMIT [--turns N] [--only NAME] [--marts N]

Seconds of a busy machine say little, and those of another day nothing: only the two columns of one run compare.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml
from process_measurement import Measurement, measure
from small_day import deliver, hold_back

PROJECT = Path(__file__).resolve().parent.parent
FIRST_DAY, LAST_DAY = date(2024, 1, 1), date(2024, 3, 31)
NEXT_DAY = LAST_DAY + timedelta(days=1)
_PLANTED = "mart_rfm"
"""The mart whose description, rules and suite, as the checkout itself writes them, every planted mart gets."""


@dataclass(frozen=True)
class Checkout:
    """The project as it is in `folder`, run by this interpreter and its packages."""

    name: str
    folder: Path

    def crmdw(self, home: Path, *arguments: str) -> Measurement:
        """Run a command of this checkout on a home."""
        script = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
        module, function = script["crmdw"].split(":")
        # The folder stands before the one in which this benchmark was called.
        program = f"import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import {function}; {function}()"
        environment = {"PYTHONPATH": str(self.folder), "CRMDW_HOME": str(home), "CRMDW_SOURCES": ""}
        return measure([sys.executable, "-c", program, str(self.folder), *arguments], environment)


@dataclass(frozen=True)
class Home:
    """A home that a checkout made, without its last day; each turn begins with it, at the same path.

    At another path dbt would parse the whole project again.
    """

    checkout: Checkout
    work: Path

    @property
    def folder(self) -> Path:
        return self.work / self.checkout.name / "home"

    def make(self) -> None:
        """Simulate the company, hold its last day back, load the others, and keep the result for all turns."""
        self.checkout.crmdw(
            self.folder, "simulate", "--customers", "1000", "--start", str(FIRST_DAY), "--end", str(LAST_DAY)
        )
        hold_back(self.folder / "inbox", self.folder.with_name("held_back"), LAST_DAY)
        self.checkout.crmdw(self.folder, "run", "--today", str(LAST_DAY))
        self.folder.rename(self.folder.with_name("kept"))

    def begin(self) -> None:
        """Put the home as it was made in place, with the last day in its inbox."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.folder.with_name("kept"), self.folder)
        aside = self.folder.with_name("aside")
        shutil.copytree(self.folder.with_name("held_back"), aside)
        deliver(self.folder / "inbox", aside)
        shutil.rmtree(aside)


Turn = Callable[[Checkout], dict[str, Measurement]]


def day(work: Path) -> Turn:
    """One small day of all feeds, and a run after it, which finds nothing new."""
    homes: dict[str, Home] = {}

    def turn(checkout: Checkout) -> dict[str, Measurement]:
        if checkout.name not in homes:
            homes[checkout.name] = Home(checkout, work / "day")
            homes[checkout.name].make()
        home = homes[checkout.name]
        home.begin()
        return {
            "one small day, all feeds": checkout.crmdw(home.folder, "run", "--today", str(NEXT_DAY)),
            "a run that finds nothing new": checkout.crmdw(home.folder, "run", "--today", str(NEXT_DAY)),
        }

    return turn


def marts(work: Path, count: int) -> Turn:
    """One small day with `count` marts more than the checkout has: what they cost is the difference to `day`."""
    planted: dict[str, Home] = {}

    def turn(checkout: Checkout) -> dict[str, Measurement]:
        if checkout.name not in planted:
            copy = Checkout(checkout.name, work / "planted" / checkout.name)
            shutil.copytree(checkout.folder, copy.folder)
            _plant(copy.folder, count)
            planted[checkout.name] = Home(copy, work / "marts")
            planted[checkout.name].make()
        home = planted[checkout.name]
        home.begin()
        return {f"one small day, {count} more marts": home.checkout.crmdw(home.folder, "run", "--today", str(NEXT_DAY))}

    return turn


def journey(work: Path) -> Turn:
    """The Complete Journey, from its files to the published file."""

    def turn(checkout: Checkout) -> dict[str, Measurement]:
        home = work / "journey" / checkout.name
        shutil.rmtree(home, ignore_errors=True)
        sources = checkout.folder / "examples" / "complete_journey" / "sources.yml"
        return {"Complete Journey": checkout.crmdw(home, "--sources", str(sources), "run")}

    return turn


def _plant(folder: Path, count: int) -> None:
    """Put `count` marts that say what `_PLANTED` says into a copy of a checkout."""
    models = folder / "models" / "marts" / "customer"
    described = yaml.safe_load((models / "_customer__models.yml").read_text(encoding="utf-8"))
    entry = next(model for model in described["models"] if model["name"] == _PLANTED)
    suite = (folder / "expectations" / f"marts__{_PLANTED}.py").read_text(encoding="utf-8")
    for number in range(count):
        name = f"mart_planted_{number}"
        text = yaml.safe_dump({"version": 2, "models": [entry | {"name": name}]}, allow_unicode=True, sort_keys=False)
        (models / f"_{name}__models.yml").write_text(text, encoding="utf-8")
        (models / f"{name}.sql").write_text(f"select * from {{{{ ref('{_PLANTED}') }}}}\n", encoding="utf-8")
        (folder / "expectations" / f"marts__{name}.py").write_text(suite.replace(_PLANTED, name), encoding="utf-8")


def _tracked_copy(folder: Path) -> None:
    """Copy this checkout's files as they are now, those that git ignores left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def _commit_copy(commit: str, folder: Path) -> None:
    """Put the files of a commit into `folder`."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive, check=True)


def _table(taken: dict[str, dict[str, list[Measurement]]], count: int) -> Iterator[str]:
    """A line per figure: processor seconds and wall of both, medians of all turns, and the ratio of the former."""
    yield f"{'median of the turns':<34}{'other':>18}{'this':>18}{'ratio':>8}"

    def shown(runs: list[Measurement]) -> str:
        wall = statistics.median(each.seconds for each in runs)
        return f"{statistics.median(each.processor_seconds for each in runs):.2f} cpu {wall:.1f} s"

    def processor(figure: str, side: str) -> float:
        return statistics.median(each.processor_seconds for each in taken[figure][side])

    for figure, sides in taken.items():
        ratio = processor(figure, "this") / processor(figure, "other")
        yield f"{figure:<34}{shown(sides['other']):>18}{shown(sides['this']):>18}{ratio:>8.2f}"
    small, more = "one small day, all feeds", f"one small day, {count} more marts"
    if small in taken and more in taken:
        costs = [(processor(more, side) - processor(small, side)) / count for side in ("other", "this")]
        shown_costs = "".join(f"{cost:.2f} cpu".rjust(18) for cost in costs)
        yield f"{'one more mart with its tests':<34}{shown_costs}{costs[1] / costs[0]:>8.2f}"


def main() -> None:
    """Take the turns, the other commit first, and print the table after each of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="the commit to measure against")
    parser.add_argument("--turns", type=int, default=3, help="how often each of the two is measured; default 3")
    parser.add_argument("--only", action="append", choices=("day", "marts", "journey"), help="may be repeated")
    parser.add_argument("--marts", type=int, default=8, help="how many marts are planted; default 8")
    options = parser.parse_args()
    chosen = options.only or ["day", "marts", "journey"]
    with tempfile.TemporaryDirectory(prefix="crm-warehouse-against-") as name:
        work = Path(name)
        both = [Checkout("other", work / "checkouts" / "other"), Checkout("this", work / "checkouts" / "this")]
        _commit_copy(options.commit, both[0].folder)
        _tracked_copy(both[1].folder)
        scenarios = {"day": day(work), "marts": marts(work, options.marts), "journey": journey(work)}
        taken: dict[str, dict[str, list[Measurement]]] = {}
        for turn in range(options.turns):
            for scenario in chosen:
                for checkout in both:
                    for figure, done in scenarios[scenario](checkout).items():
                        taken.setdefault(figure, {"other": [], "this": []})[checkout.name].append(done)
            print(f"\nturn {turn + 1} of {options.turns}; load average {os.getloadavg()[0]:.1f}")
            print("\n".join(_table(taken, options.marts)), flush=True)


if __name__ == "__main__":
    main()
