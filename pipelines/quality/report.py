"""Renders the quality report: one HTML file that needs nothing else, without personal data."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.connections import connected
from pipelines.errors import UsageError
from pipelines.home.lock import looking
from pipelines.home.shell_command import shell_command
from pipelines.ledger.loads import conservation_line
from pipelines.ledger.tables import is_created
from pipelines.quality.findings import STATES, Findings, find
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

COLUMNS_RULE = "the columns are those of the last delivery"
VOLUME_RULE = "the delivery is as large as those before it"


@dataclass(frozen=True)
class Step:
    """Something to do next, and the command that does it or shows more."""

    text: str
    command: str


def write_report(settings: Settings, now: datetime, out: Path | None = None) -> Path:
    """Write the report as it stands at the instant `now` to `out`, mode 0600; returns where it is.

    Holds the home's lock while it reads the warehouse. Raises UsageError where nothing has been loaded yet, and
    LockedError where a command is writing.
    """
    sources_file = load_sources_file(settings.sources_file)
    nothing = UsageError(f"{settings.warehouse}: nothing has been loaded yet", "run `crmdw run` first")
    if not settings.warehouse.exists():
        raise nothing
    local = now.astimezone(ZoneInfo(sources_file.company.time_zone))
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        if not is_created(warehouse):
            raise nothing
        findings = find(warehouse, sources_file, local)
    path = out or settings.home / "reports" / "quality.html"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Names of files and columns are nobody else's business, although no personal data is among them.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(render(findings, settings))
    return path


def render(findings: Findings, settings: Settings) -> str:
    """The page as HTML text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["amounts"] = _amounts
    environment.filters["percent"] = lambda share: f"{100 * share:.3g} %"
    verdict, sentence = _verdict(findings)
    return environment.get_template("page.html").render(
        findings=findings,
        verdict=verdict,
        sentence=sentence,
        steps=list(_steps(findings, settings)),
        states=STATES,
        conservation_line=conservation_line,
        day_of=lambda feed, day: feed.day(day),
        month_of=lambda feed, month: feed.month(month),
        day_title=lambda day: f"{day:%a %Y-%m-%d}",
        month_title=lambda month: f"{month:%Y-%m}",
        day_marks=_marks([f"{day:%Y-%m}" for day in findings.days], room=6),
        month_marks=_marks([f"{month:%Y}" for month in findings.months], room=3),
    )


def _verdict(findings: Findings) -> tuple[str, str]:
    """good, fair or bad, and the sentence that says why."""
    complete = findings.completeness.complete_date
    if required := len(findings.completeness.required):
        what = _counted(required, "required delivery is", "required deliveries are")
        return "bad", f"Not complete: {what} missing or refused."
    if complete is None:
        return "bad", "Not complete: no required feed has been loaded yet."
    if optional := len(findings.completeness.optional):
        what = _counted(optional, "optional delivery is", "optional deliveries are")
        return "fair", f"Complete to {complete}, but {what} missing or refused."
    if findings.quarantine or findings.rules:
        held = _counted(sum(summary.rows for summary in findings.quarantine), "row is", "rows are")
        failed = _counted(len(findings.rules), "rule", "rules")
        return "fair", f"Complete to {complete}; {held} held back, and {failed} failed somewhere."
    return "good", f"Complete to {complete}; every row is loaded, and no rule failed."


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _steps(findings: Findings, settings: Settings) -> Iterator[Step]:
    """What to do next, the most urgent first."""
    kinds = [fall.kind for fall in findings.completeness.shortfalls]
    if overdue := kinds.count("overdue"):
        what = _counted(overdue, "overdue delivery", "overdue deliveries")
        yield Step(f"Ask for {what}, put them in the inbox, and load them.", shell_command(settings, "run"))
    if refused := kinds.count("refused"):
        what = _counted(refused, "delivery was", "deliveries were")
        yield Step(
            f"See why {what} refused; mend the files, or their source's entry.", shell_command(settings, "status")
        )
    if rows := sum(summary.rows for summary in findings.quarantine):
        text = f"Work through {_counted(rows, 'row', 'rows')} in quarantine, the largest amount first."
        yield Step(text, shell_command(settings, "quarantine", "list"))
    days = {rule.rule: rule.last_date for rule in sorted(findings.rules, key=lambda rule: rule.last_date)}
    if COLUMNS_RULE in days:
        text = "Columns have changed: see whether the sources file still maps what it should."
        yield Step(text, shell_command(settings, "doctor"))
    if day := days.get(VOLUME_RULE):
        text = (
            "Some deliveries are far smaller than expected: ask whether they were whole. A new file in the same place "
            "replaces the old one by the next run; a day can be loaded again."
        )
        yield Step(text, shell_command(settings, "backfill", "--from", str(day), "--to", str(day)))


def _amounts(held: list[tuple[Decimal, str]]) -> str:
    """Amounts with their currencies. What a row in quarantine calls its currency may be anything, and is not shown."""
    told = [f"{amount:,} {name if re.fullmatch('[A-Z]{3}', name or '') else '?'}" for amount, name in held]
    return ", ".join(told) or "-"


def _marks(labels: list[str], room: int) -> list[tuple[str, int]]:
    """Where each label first stands, unless the next one follows within `room` columns."""
    starts = [n for n, label in enumerate(labels) if n == 0 or label != labels[n - 1]]
    following = [*starts[1:], len(labels) + room]
    return [(labels[n], n) for n, after in zip(starts, following, strict=True) if after - n >= room]
