"""What the commands of `crmdw` share: where they print, their common options, and the frame of those that write."""

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipelines.errors import UsageError
from pipelines.lock import writing
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.progress_display import ProgressDisplay, counted
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.decisions import Author

# Where nobody looks at a terminal, tables have the room that their columns need.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
errors = Console(stderr=True, highlight=False)

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
        from pipelines.home import prepare  # noqa: PLC0415

        with ProgressDisplay(errors) as show:
            show("start", opening)
            prepare(self.settings)
            show("start", "starting Dagster")
            from pipelines.progress import listen  # noqa: PLC0415
            from pipelines.run import run_job, step_names  # noqa: PLC0415

            listen(counted(show, step_names(load)))
            run_job(self.settings, tags, load)
        self.show_summary()

    def author(self, by: str | None, reason: str) -> "Author":
        """Who decides now, and why; raises UsageError where no reason is given."""
        from pipelines.decisions import Author  # noqa: PLC0415

        if not reason.strip():
            raise UsageError("--reason is empty", "say why")
        return Author(by or getpass.getuser(), self.now.astimezone(UTC).replace(tzinfo=None), reason)

    def show_summary(self) -> None:
        """Show the summary; what was published stays published where it cannot be shown."""
        from pipelines.summary import show_summary  # noqa: PLC0415

        try:
            show_summary(console, self.settings, time.monotonic() - self.started)
        except Exception as error:
            text = f"{self.settings.published_file} is published; the summary cannot be shown: {error}"
            errors.print(escape(text), soft_wrap=True)


def require_loaded(settings: Settings) -> None:
    """Raise UsageError where the home has no warehouse yet."""
    if not settings.warehouse.exists():
        raise UsageError(f"{settings.warehouse}: nothing has been loaded yet", "run `crmdw run` first")


@contextmanager
def writing_command(name: str, wait: float, today: datetime | None = None) -> Iterator[Writing]:
    """The frame of a command that writes to the home; nobody else does meanwhile. Raises LockedError."""
    from pipelines.state import instant_of  # noqa: PLC0415

    settings = Settings.from_environment()
    started = time.monotonic()
    with writing(settings, f"crmdw {name}", wait):
        finish_interrupted(settings)
        now = instant_of(settings, today)
        if settings.separated.exists():
            from pipelines.privacy.separation import destroy_ended  # noqa: PLC0415

            for file in destroy_ended(settings, now.date()):
                console.print(f"{file.name}: its day has come, and it is destroyed", soft_wrap=True)
        yield Writing(settings, now, started)
