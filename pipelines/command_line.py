"""The `crmdw` command: it sets up a home, drives the one Dagster job, and says what became of it.

Dagster and Great Expectations are imported by the commands that need them only, because importing takes seconds.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipelines.errors import EXIT_CODE_MEANINGS, UsageError, WarehouseError
from pipelines.settings import Settings

_EXIT_CODES = "\n\n".join(f"{code.value}  {meaning}" for code, meaning in EXIT_CODE_MEANINGS.items())

app = typer.Typer(
    help="One trustworthy, dated customer from every channel, in a DuckDB warehouse that is ready each morning.",
    epilog=f"[bold]Exit codes[/bold]\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Show = Callable[..., None]
"""Called with a step, a message and, where it is known, the share of the work that is done."""

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
Wait = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for another command to end.")]
Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day it is taken to be, to tell what is overdue; default: today, in the zone."
    ),
]


@app.callback()
def options(
    home: Annotated[Path | None, typer.Option(help="The home folder; default: CRMDW_HOME, else var/.")] = None,
    sources: Annotated[Path | None, typer.Option(help="The sources file; default: sources.yml in the home.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks.")] = False,
) -> None:
    if home:
        os.environ["CRMDW_HOME"] = str(home.expanduser().resolve())
    if sources:
        os.environ["CRMDW_SOURCES"] = str(sources.expanduser().resolve())
    if verbose:
        os.environ["CRMDW_VERBOSE"] = "1"


@app.command(epilog="Example: [cyan]crmdw init[/cyan]")
def init() -> None:
    """Make the home folder, an annotated sources file to fill in, and Dagster's and dbt's own files."""
    from pipelines.home import prepare, write_sources_template  # noqa: PLC0415

    settings = Settings.from_environment()
    written = write_sources_template(settings)
    prepare(settings)
    console.print(f"Home: {settings.home}", soft_wrap=True)
    if written:
        console.print(f"Next: describe your files in {settings.sources_file}, then `crmdw doctor`.", soft_wrap=True)


@app.command(epilog="Example: [cyan]crmdw simulate --customers 500 --start 2024-01-01 --end 2024-03-31[/cyan]")
def simulate(
    customers: Annotated[int, typer.Option(min=10, help="How many customers the company has at the end.")] = 5000,
    start: Day = datetime(2023, 1, 1),
    end: Day = datetime(2024, 12, 31),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the home.")] = None,
) -> None:
    """Simulate a company: native files in inbox/, the truth about them in truth/, and their sources.yml."""
    from pipelines.simulator import simulate as run_simulation  # noqa: PLC0415

    if end < start:
        raise UsageError(f"--end {end:%Y-%m-%d} is before --start {start:%Y-%m-%d}", "give an end after the start")
    folder = (out or Settings.from_environment().home).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("sources.yml", "inbox", "truth"):
        if (folder / name).is_file() or any((folder / name).glob("*")):
            raise UsageError(
                f"{folder / name}: it is there already, and may be somebody's own",
                "give another folder with --out or --home, or remove it",
            )
    with _progress() as show:
        rows = run_simulation(
            folder,
            customers,
            start.date(),
            end.date(),
            seed,
            lambda step, share: show("simulate", step, share),
        )
    size = f"{rows['rows']:,} rows, {rows['dirty_rows']:,} of them dirty, in {rows['files']:,} files"
    console.print(f"Simulated {size}: {folder}", soft_wrap=True)


@app.command(epilog="Example: [cyan]crmdw run --wait 600[/cyan]")
def run(wait: Wait = 0, today: Today = None) -> None:
    """Load what has arrived, gate it, build the marts, audit and publish. Does nothing where nothing is new."""
    from pipelines.errors import IncompleteError  # noqa: PLC0415
    from pipelines.home import prepare  # noqa: PLC0415
    from pipelines.lock import writing  # noqa: PLC0415
    from pipelines.state import look  # noqa: PLC0415

    settings = Settings.from_environment()
    started = time.monotonic()
    with writing(settings, "crmdw run", wait):
        now = _now(settings, today)
        state = look(settings, now)
        if state.is_idle:
            if not state.completeness.is_complete:
                raise IncompleteError(
                    "nothing has arrived, and a required delivery is missing or refused:\n  "
                    + "\n  ".join(state.completeness.required),
                    "deliver or mend these files and run again; the published file stays what it was",
                )
            _show_summary(settings, started)
            missing = len(state.completeness.optional)
            rest = (
                f"; optional deliveries missing still, as published: {missing}" if missing else " and nothing overdue"
            )
            console.print(f"\nNothing new{rest}; complete to {state.completeness.complete_date}.")
            return
        with _progress() as show:
            show("start", f"{len(state.arrivals.to_load):,} deliveries have arrived")
            prepare(settings)
            from pipelines.run_tags import tags_to_load  # noqa: PLC0415

            _run_job(settings, tags_to_load(state.sources_file, state.delivery_days, now), show)
    _show_summary(settings, started)


@app.command(
    epilog="Example: [cyan]crmdw backfill --from 2024-01-01 --to 2024-06-30 --feed branch__transactions[/cyan]"
)
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First delivery date.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last delivery date.")],
    feed: Annotated[str | None, typer.Option(help="One feed only; default: all.")] = None,
    wait: Wait = 0,
    today: Today = None,
) -> None:
    """Load a range of delivery dates again, by today's mapping and gates, then build, audit and publish."""
    from pipelines.contracts import feeds  # noqa: PLC0415
    from pipelines.home import prepare  # noqa: PLC0415
    from pipelines.lock import writing  # noqa: PLC0415

    settings = Settings.from_environment()
    started = time.monotonic()
    if last < first:
        raise UsageError(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}", "give a range in order")
    if feed not in (None, *feeds()):
        raise UsageError(f"--feed {feed}: there is no such feed", f"give one of {', '.join(feeds())}")
    with writing(settings, "crmdw backfill", wait):
        now = _now(settings, today)
        prepare(settings)
        with _progress() as show:
            show("start", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}")
            from pipelines.run_tags import tags_to_backfill  # noqa: PLC0415
            from pipelines.sources.configuration import load_sources_file  # noqa: PLC0415

            tags = tags_to_backfill(load_sources_file(settings.sources_file), first.date(), last.date(), feed, now)
            _run_job(settings, tags, show)
    _show_summary(settings, started)


@app.command(epilog="Example: [cyan]crmdw publish[/cyan]")
def publish(wait: Wait = 0, today: Today = None) -> None:
    """Build the marts from what is loaded, audit and publish; nothing new is read."""
    from pipelines.home import prepare  # noqa: PLC0415
    from pipelines.lock import writing  # noqa: PLC0415

    settings = Settings.from_environment()
    started = time.monotonic()
    if not settings.warehouse.exists():
        raise UsageError(f"{settings.warehouse}: nothing has been loaded yet", "run `crmdw run` first")
    with writing(settings, "crmdw publish", wait), _progress() as show:
        now = _now(settings, today)
        prepare(settings)
        show("start", "starting Dagster")
        from pipelines.run_tags import tags_to_publish  # noqa: PLC0415

        _run_job(settings, tags_to_publish(now), show, load=False)
    _show_summary(settings, started)


@app.command(epilog="Example: [cyan]crmdw status[/cyan]")
def status(today: Today = None) -> None:
    """Show what is loaded per feed, what waits in the inbox, and what is refused or overdue. Changes nothing."""
    from pipelines.state import look  # noqa: PLC0415
    from pipelines.summary import show_status  # noqa: PLC0415

    settings = Settings.from_environment()
    show_status(console, settings, look(settings, _now(settings, today)))


@app.command(epilog="Example: [cyan]crmdw ui --port 3001[/cyan]")
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; there is no log-in, so keep it local.")
    ] = "127.0.0.1",
) -> None:
    """Start Dagster's web server and daemon: the asset graph, runs, checks, schedule and sensor."""
    from pipelines.home import prepare  # noqa: PLC0415

    settings = Settings.from_environment()
    prepare(settings)
    console.print(f"Dagster UI: http://{host}:{port}   (Ctrl-C ends it)")
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "pipelines.definitions"]
    command += ["--host", host, "--port", str(port), "--log-level", "warning"]
    try:
        raise typer.Exit(subprocess.run(command, check=False, cwd=settings.home).returncode)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command(epilog="Example: [cyan]crmdw doctor[/cyan]")
def doctor() -> None:
    """Check this home: versions, sources file, files that each source finds, lock, disk, stray logs."""
    from pipelines.doctor import examine  # noqa: PLC0415

    faults = 0
    for finding in examine(Settings.from_environment()):
        mark = "[green]ok[/green]    " if finding.is_good else "[red]fault[/red] "
        console.print(f"{mark} {escape(finding.text)}", soft_wrap=True)
        if finding.remedy:
            console.print(f"       Remedy: {escape(finding.remedy)}", soft_wrap=True)
        faults += not finding.is_good
    if faults:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; an error that a person can mend is shown as cause and remedy, without a traceback."""
    try:
        app()
    except WarehouseError as error:
        if os.environ.get("CRMDW_VERBOSE"):
            raise
        errors.print(f"[bold red]Error[/bold red] {escape(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("CRMDW_VERBOSE"):
            raise
        errors.print(
            f"[bold red]Unexpected error[/bold red] {escape(f'{type(error).__name__}: {error}')}", soft_wrap=True
        )
        errors.print("Run again with `crmdw --verbose ...` for the traceback.")
        sys.exit(1)


def _now(settings: Settings, today: datetime | None) -> datetime:
    """The instant the command stands for: now, or the end of the day it is told to take for today."""
    if today is None:
        return datetime.now(UTC)
    from pipelines.sources.configuration import load_sources_file  # noqa: PLC0415

    zone = ZoneInfo(load_sources_file(settings.sources_file).company.time_zone)
    return datetime.combine(today.date(), datetime.max.time(), zone)


def _run_job(settings: Settings, tags: dict[str, str], show: Show, load: bool = True) -> None:
    show("start", "starting Dagster")
    from pipelines.progress import listen  # noqa: PLC0415
    from pipelines.run import run_job, step_names  # noqa: PLC0415

    steps = step_names(load)
    done: list[str] = []

    def show_share(step: str, message: str) -> None:
        if step not in done:
            done.append(step)
        show(step, message, (len(done) - 1) / len(steps))

    listen(show_share)
    run_job(settings, tags, load)


def _show_summary(settings: Settings, started: float) -> None:
    from pipelines.summary import show_summary  # noqa: PLC0415

    show_summary(console, settings, time.monotonic() - started)


class _progress:  # noqa: N801 (used as a function)
    """A line that moves on a terminal, and one plain line per step elsewhere."""

    def __enter__(self) -> Show:
        self._display = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[step]:<26}"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
        )
        self._task = self._display.add_task("", step="", total=1.0)
        self._step = ""
        self._started = time.monotonic()
        if errors.is_terminal:
            self._display.start()
        return self._show

    def _show(self, step: str, message: str, share: float = 0.0) -> None:
        if errors.is_terminal:
            self._display.update(self._task, step=step, description=message, completed=share)
        if step != self._step:
            self._step = step
            if not errors.is_terminal:
                errors.print(f"{time.monotonic() - self._started:6.1f} s  {step}: {message}")

    def __exit__(self, *error: object) -> None:
        self._display.stop()


if __name__ == "__main__":
    main()
