"""The command `crmdw erase`: it says what would go, asks, erases, publishes, and proves that nothing is left."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.archive.manifest import require_warehouse
from pipelines.commands.frame import By, Today, Wait, Writing, require_loaded, writing_command
from pipelines.commands.progress_display import ProgressDisplay
from pipelines.commands.terminal import console, errors
from pipelines.connections import connected
from pipelines.errors import UsageError, WarehouseError
from pipelines.home.lock import looking
from pipelines.ledger.erasures import erasures
from pipelines.orchestration.run_tags import tags_to_publish
from pipelines.person.person import Person
from pipelines.person.search import Clean, Hit, search
from pipelines.privacy import erasure
from pipelines.privacy.erasure import Plan
from pipelines.privacy.published_file import take_out
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()

_UNTOUCHED = ("inbox", "truth")
"""The folders of what sources deliver, and of what tests compare with: they are listed, and not touched."""

_SHOWN_FILES = 20


@app.command(
    epilog="Example: [cyan]crmdw erase branch:00001007 --reason 'request 4711'[/cyan]\n\n"
    "Many: [cyan]crmdw erase --from customers.txt --reason 'requests of May' --yes[/cyan]\n\n"
    "Kept apart by law: [cyan]crmdw erase branch:00001007 --mode separate --until 2029-12-31 --reason 'tax'[/cyan]\n\n"
    "What was erased: [cyan]crmdw erase list[/cyan]"
)
def erase(  # noqa: PLR0913 (each is an option of the command)
    customers: Annotated[
        list[str] | None,
        typer.Argument(help="Customers, as system:number or the beginning of an id; `list` shows what was erased."),
    ] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; it stays for good, so name nobody.")] = "",
    source: Annotated[Path | None, typer.Option("--from", help="A file with a customer in each line.")] = None,
    mode: Annotated[
        Literal["erase", "separate"], typer.Option(help="Erase, or move to a locked file that ends on a day.")
    ] = "erase",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which what is separated is destroyed.")
    ] = None,
    is_agreed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    wait: Wait = 0,
    today: Today = None,
) -> None:
    """Erase persons from archive, raw, quarantine, history and all that is published; totals of facts stay.

    Says first what would go, and asks. Nothing that is not younger comes back with an old file.
    """
    if customers == ["list"]:
        _show_erasures()
        return
    if (mode == "separate") != (until is not None):
        raise UsageError("--mode separate and --until go together", "give the day on which the file is destroyed")

    with writing_command("erase", wait, today) as command:
        settings = command.settings
        require_warehouse(settings)
        require_loaded(settings)
        author = command.author(by, reason)
        sources_file = load_sources_file(settings.sources_file)
        erased_date = sources_file.company.business_day(command.now)
        if until and until.date() <= erased_date:
            raise UsageError(f"--until {until:%Y-%m-%d} is not after today, {erased_date}", "give a later day")
        seconds: dict[str, float] = {}
        with ProgressDisplay(errors) as show, _Watch(seconds, "find"):
            planned = erasure.plan(settings, sources_file, _named(customers, source), show)
        with ProgressDisplay(errors) as show, _Watch(seconds, "search before"):
            show("search", "searching the home for the persons' values")
            skip = [settings.separated, settings.scratch, *(settings.home / name for name in _UNTOUCHED)]
            clean: Clean = {}
            before = search(settings, settings.home, planned.values, skip, clean, partial(show, "search"))
        _show_plan(planned)
        if not before:
            raise WarehouseError(
                "nothing of the persons was found, so nothing could be proved",
                "see with `crmdw identity show` whether these are the right customers",
            )
        if not is_agreed:
            typer.confirm("Erase this for good?", abort=True)
        erasure.begin(settings, planned, author, erased_date, until.date() if until else None)
        with ProgressDisplay(errors) as show:
            seconds |= erasure.finish(settings, sources_file, show)
        with _Watch(seconds, "publish"):
            _publish(command, sources_file, planned.person)
        with ProgressDisplay(errors) as show, _Watch(seconds, "search after"):
            show("search", "searching the home again")
            after = search(settings, settings.home, planned.values, skip, clean, partial(show, "search"))
        _show_proof(before, after)
        _show_seconds(planned.persons, seconds)
        if after:
            places = ", ".join(f"{hit.file} {hit.place} ({hit.kind})" for hit in after)
            raise WarehouseError(f"values of the persons are still found: {places}", "remove what is named there")


class _Watch:
    """Notes how long a step took, in seconds."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = time.monotonic() - self.started


def _named(customers: list[str] | None, source: Path | None) -> list[str]:
    if bool(customers) == bool(source):
        raise UsageError("no customer is given", "give customers, or a file of them with --from")
    if source is None:
        return customers or []
    try:
        names = [line.strip() for line in source.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source}: cannot be read: {error}", "give a text file in UTF-8") from error
    if not names:
        raise UsageError(f"{source}: the file names nobody", "write a customer in each line, as system:number")
    return names


def _publish(command: Writing, sources_file: SourcesFile, person: Person) -> None:

    try:
        with ProgressDisplay(errors) as show:
            show("publish", "taking them out of the published file")
            is_published = take_out(command.settings, sources_file, person)
        if is_published:
            console.print(
                f"{command.settings.published_file} is the last one without them. What is worked out over all "
                "customers, such as quintiles, follows with the next run.",
                soft_wrap=True,
            )
            return
        command.run_job(tags_to_publish(command.now), "publishing without them", load=False)
    except WarehouseError as error:
        raise type(error)(
            f"the persons are erased from archive and warehouse, but not from the published file: {error.cause}",
            f"{error.remedy}; then `crmdw publish` takes them out of it",
        ) from error


def _show_plan(planned: Plan) -> None:
    records = sum(1 for record in planned.person.records if record.source_system)
    title = f"{planned.persons:,} customers, {records:,} records"
    table = Table(title=title, title_justify="left")
    for heading in ("feed", "rows in raw", "rows in the archive", "batches", "becomes"):
        table.add_column(heading, justify="left" if heading in ("feed", "becomes") else "right")
    for share in planned.shares:
        becomes = "removed" if share.feed == "branch__customers" else "stays, of the erased member -3"
        table.add_row(share.feed, f"{share.raw_rows:,}", f"{share.archived_rows:,}", f"{share.batches:,}", becomes)
    console.print(table)
    for kind, count in planned.shared.items():
        console.print(f"{kind}: {count:,} values that others have too are not searched for", soft_wrap=True)
    if planned.files:
        console.print(
            f"Not touched, because a source put them there: {len(planned.files):,} files that brought these rows:",
            soft_wrap=True,
        )
        for file in planned.files[:_SHOWN_FILES]:
            console.print(f"  {file}", soft_wrap=True, markup=False)
        if len(planned.files) > _SHOWN_FILES:
            console.print(f"  and {len(planned.files) - _SHOWN_FILES:,} more")
    console.print(
        "These, the folder truth/ and files outside the home, such as those of --out, are yours to clear; a source "
        "that goes on sending the persons is to be mended where it is.",
        soft_wrap=True,
    )


def _show_proof(before: list[Hit], after: list[Hit]) -> None:
    """Rows or lines with a value of the persons, by where they lie, before and after."""
    counts: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for found, hits in ((counts, before), (left, after)):
        for hit in hits:
            found[Path(hit.file).parts[0]] += hit.count
    table = Table(title="The persons' values, searched for in every table and file", title_justify="left")
    for heading in ("place", "hits before", "hits after"):
        table.add_column(heading, justify="left" if heading == "place" else "right")
    for place in sorted(counts | left):
        table.add_row(escape(place), f"{counts[place]:,}", f"{left[place]:,}")
    table.add_row("in all", f"{counts.total():,}", f"{left.total():,}")
    console.print(table)


def _show_seconds(persons: int, seconds: dict[str, float]) -> None:
    spent = ", ".join(f"{name} {value:,.1f}" for name, value in seconds.items())
    console.print(f"Erased {persons:,} in {sum(seconds.values()):,.1f} s: {spent}", soft_wrap=True)


def _show_erasures() -> None:

    settings = Settings.from_environment()
    require_loaded(settings)
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        found = erasures(warehouse)
    if not found:
        console.print("Nobody was erased.")
        return
    table = Table()
    for heading in ("number", "mode", "as of", "persons", "by", "reason", "separated file", "destroyed on"):
        table.add_column(heading, overflow="fold")
    for one in found:
        file = one.separated_file or "-"
        if one.separated_file and not (settings.separated / one.separated_file).exists():
            file = f"{one.separated_file} (destroyed)"
        table.add_row(
            str(one.erasure_number),
            one.mode,
            str(one.erased_date),
            f"{one.persons:,}",
            escape(one.decided_by),
            escape(one.reason),
            file,
            str(one.destroy_date or "-"),
        )
    console.print(table)
