"""The commands under `crmdw consent`: what a customer allows, and by which law."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.frame import require_loaded
from pipelines.commands.terminal import console
from pipelines.connections import connected
from pipelines.consent.permissions import permissions_at, purposes
from pipelines.errors import UsageError
from pipelines.home.lock import looking
from pipelines.identity.evidence import find_record
from pipelines.settings import Settings

app = typer.Typer(help="What customers allow, and by which law.", no_args_is_help=True)

_DAY, _MINUTE = "%Y-%m-%d", "%Y-%m-%d %H:%M"
_NOON = time(12)


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own while it is the only one."""


@app.command(epilog="Example: [cyan]crmdw consent show branch:00001007 --on '2024-03-01 21:30'[/cyan]")
def show(
    customer: Annotated[str, typer.Argument(metavar="RECORD", help="system:number, or the first characters of an id.")],
    on: Annotated[
        str | None,
        typer.Option(help="Day, or day and time, in the company's zone; a day means its noon. Default: complete date."),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What the data is to be used for.")] = "marketing",
) -> None:
    """Say on which channels a customer may be approached at an instant, by what was known then, and why."""
    settings = Settings.from_environment()
    asked = _moment(on) if on else None
    require_loaded(settings)
    if not settings.published_file.exists():
        raise UsageError(f"{settings.published_file}: nothing has been published yet", "run `crmdw publish` first")
    with (
        looking(settings),
        connected(settings, settings.published_file, read_only=True) as published,
        connected(settings, settings.warehouse, read_only=True) as warehouse,
    ):
        if purpose not in (known := purposes(published)):
            raise UsageError(f"{purpose}: no rule is for this purpose", f"give one of {', '.join(known)}")
        found = find_record(warehouse, customer)
        (zone, complete_date), *_ = warehouse.execute("select time_zone, complete_date from ledger.company").fetchall()
        if asked is None and complete_date is None:
            raise UsageError("no day is complete yet", "say which instant is meant with --on")
        asked = asked or datetime.combine(complete_date, _NOON)
        instant = asked.replace(tzinfo=ZoneInfo(zone))
        permissions = permissions_at(published, found.customer_id, purpose, instant)
    console.print(f"customer {found.customer_id}, {purpose}, {instant:%Y-%m-%d %H:%M} {zone}", soft_wrap=True)
    table = Table()
    for heading in ("channel", "allowed", "reason", "confirmation due", "rule", "legal source"):
        table.add_column(heading, overflow="fold")
    for one in permissions:
        due = str(one.confirmation_due_date or "-")
        if one.confirmation_due_date and one.confirmation_due_date < instant.date():
            due += " (overdue)"
        at_night = " (night)" if one.is_night else ""
        row = (one.channel, "yes" if one.is_allowed else "no", one.reason + at_night, due, one.rule_code)
        table.add_row(*(escape(cell) for cell in (*row, one.legal_source)))
    if permissions:
        console.print(table)
    else:
        console.print(f"No rule of {purpose} is in force on {instant:%Y-%m-%d}, so the answer is no.", soft_wrap=True)


def _moment(text: str) -> datetime:
    """The minute that `text` names, or the noon of the day that it names. Raises UsageError where it is neither."""
    for form in (_DAY, _MINUTE):
        try:
            found = datetime.strptime(text.replace("T", " "), form)
        except ValueError:
            continue
        return datetime.combine(found, _NOON) if form == _DAY else found
    raise UsageError(f"{text}: neither a day nor a day and time", "write it as 2024-03-01 or '2024-03-01 21:30'")
