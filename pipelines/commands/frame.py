"""What the commands share: their common options, what they require of a home, and the frame of those that write."""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.archive.manifest import require_warehouse
from pipelines.commands.progress_display import ProgressDisplay, counted
from pipelines.commands.summary import show_summary
from pipelines.commands.terminal import console, errors
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.home.lock import writing
from pipelines.ledger.decisions import Author
from pipelines.ledger.tables import reading_current_tables
from pipelines.loading.look import instant_of
from pipelines.orchestration.preparation import prepare
from pipelines.orchestration.progress import listen
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.privacy.separation import destroy_ended
from pipelines.settings import Settings

TO_PUBLISH = "`crmdw run` builds and publishes what this changed."

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
Reason = Annotated[str, typer.Option(help="Why; it stays beside the decision for good.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: who is logged in.")]
Wait = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for another command to end.")]
Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day that counts as today, for what is overdue; default: today in the zone."
    ),
]


@dataclass(frozen=True)
class Writing:
    """A command that holds the home's lock: the instant it stands for, and when it began on this machine's watch."""

    settings: Settings
    now: datetime
    started: float

    def run_job(self, tags: dict[str, str], opening: str, load: bool = True) -> None:
        """Run the one job under `tags`, showing how far it is, and then what became of it."""
        with ProgressDisplay(errors) as show:
            show("start", opening)
            prepare(self.settings)
            show("start", "starting Dagster")
            from pipelines.commands.run_job import run_job, step_names  # noqa: PLC0415 (it reads the prepared home)

            listen(counted(show, step_names(load)))
            run_job(self.settings, tags, load)
        self.show_summary()

    def author(self, by: str | None, reason: str) -> Author:
        """Who decides now, and why; raises UsageError where no reason is given."""
        if not reason.strip():
            raise UsageError("--reason is empty", "say why")
        return Author(by or getpass.getuser(), self.now.astimezone(UTC).replace(tzinfo=None), reason)

    def show_summary(self) -> None:
        """Show the summary; what was published stays published where it cannot be shown."""
        try:
            show_summary(console, self.settings, time.monotonic() - self.started)
        except Exception as error:
            text = f"{self.settings.published_file} is published; the summary cannot be shown: {error}"
            errors.print(escape(text), soft_wrap=True)


def require_loaded(settings: Settings) -> None:
    """Raise UsageError where the home has no warehouse yet."""
    if not settings.warehouse.exists():
        raise UsageError(f"{settings.warehouse}: nothing has been loaded yet", "run `crmdw run` first")


def loaded_home(feed: str | None) -> Settings:
    """The settings of a home that has been loaded. Raises UsageError where it has not, or has no such feed."""
    settings = Settings.from_environment()
    if feed not in (None, *feeds()):
        raise UsageError(f"{feed}: there is no such feed", f"give one of {', '.join(feeds())}")
    require_warehouse(settings)
    require_loaded(settings)
    with reading_current_tables(settings):
        return settings


@contextmanager
def writing_command(name: str, wait: float, today: datetime | None = None) -> Iterator[Writing]:
    """The frame of a command that writes to the home; nobody else does meanwhile. Raises LockedError."""
    settings = Settings.from_environment()
    started = time.monotonic()
    with writing(settings, f"crmdw {name}", wait):
        finish_interrupted(settings)
        now = instant_of(settings, today)
        if settings.separated.exists():
            for file in destroy_ended(settings, now.date()):
                console.print(f"{file.name}: its day has come, and it is destroyed", soft_wrap=True)
        yield Writing(settings, now, started)
