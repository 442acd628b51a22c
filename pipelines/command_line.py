"""The `crmdw` command: it sets up a home, drives the one Dagster job, and says what became of it.

Dagster and Great Expectations are imported by the commands that need them only, because importing takes seconds.
"""

import itertools
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipelines import repair_commands
from pipelines.command_frame import Day, Today, Wait, Writing, console, errors, require_loaded, writing_command
from pipelines.consent.command import app as consent
from pipelines.errors import EXIT_CODE_MEANINGS, LockedError, UsageError, WarehouseError
from pipelines.identity.command import app as identity
from pipelines.privacy import command as privacy
from pipelines.privacy import erase_command
from pipelines.progress_display import ProgressDisplay, counted
from pipelines.quality.command import app as quality
from pipelines.settings import PROJECT_ROOT, Settings

_EXIT_CODES = "\n\n".join(f"{code.value}  {meaning}" for code, meaning in EXIT_CODE_MEANINGS.items())

app = typer.Typer(
    help="One trustworthy, dated customer from every channel, in a DuckDB warehouse that is ready each morning.",
    epilog="--home, --sources and --verbose may stand after the command too.\n\n"
    f"[bold]Exit codes[/bold]\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(quality, name="quality")
app.add_typer(repair_commands.app, name="quarantine")
app.add_typer(identity, name="identity")
app.add_typer(consent, name="consent")
app.add_typer(privacy.app, name="person")
app.command(epilog="Example: [cyan]crmdw retract branch__transactions 2024-01-15 --reason 'sent twice'[/cyan]")(
    repair_commands.retract
)
app.command(epilog="Example: [cyan]crmdw rebuild --yes[/cyan]")(repair_commands.rebuild)
app.command(epilog="Example: [cyan]crmdw prune --days 30 --apply[/cyan]")(privacy.prune)
app.command(
    epilog="Example: [cyan]crmdw erase branch:00001007 --reason 'request 4711'[/cyan]\n\n"
    "Many: [cyan]crmdw erase --from customers.txt --reason 'requests of May' --yes[/cyan]\n\n"
    "Kept apart by law: [cyan]crmdw erase branch:00001007 --mode separate --until 2029-12-31 --reason 'tax'[/cyan]\n\n"
    "What was erased: [cyan]crmdw erase list[/cyan]"
)(erase_command.erase)


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


@app.command(epilog="Example: [cyan]crmdw init[/cyan]")
def init() -> None:
    """Make the home folder, an annotated sources file to fill in, and Dagster's and dbt's own files."""
    from pipelines.home import prepare, write_sources_template  # noqa: PLC0415
    from pipelines.privacy.tombstones import make_key  # noqa: PLC0415
    from pipelines.summary import command  # noqa: PLC0415

    settings = Settings.from_environment()
    written = write_sources_template(settings)
    make_key(settings)
    prepare(settings)
    console.print(f"Home: {settings.home}", soft_wrap=True)
    if written:
        console.print(f"Next: describe your files in {settings.sources_file}, then", soft_wrap=True)
    for name in ("doctor", "run", "ui"):
        console.print(f"  {command(settings, name)}", soft_wrap=True, markup=False)


@app.command(
    epilog="Example: [cyan]crmdw simulate --customers 500 --start 2024-01-01 --end 2024-03-31[/cyan]\n\n"
    "20,000,000 transactions: [cyan]crmdw simulate --customers 1000000 --start 2023-01-01 --end 2024-03-31[/cyan]"
)
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
    try:
        with ProgressDisplay(errors) as show:
            rows = run_simulation(
                folder, customers, start.date(), end.date(), seed, lambda step, share: show("simulate", step, share)
            )
    except FileExistsError as error:
        raise UsageError(str(error), "give another folder with --out or --home, or remove it") from error
    size = f"{rows['rows']:,} rows, {rows['dirty_rows']:,} of them dirty, in {rows['files']:,} files"
    console.print(f"Simulated {size}: {folder}", soft_wrap=True)


@app.command(
    epilog="Example: [cyan]crmdw run --wait 600[/cyan]\n\n"
    "What was published on a day, made again: [cyan]crmdw run --as-of 2024-06-30 --out june.duckdb[/cyan]"
)
def run(
    wait: Wait = 0,
    today: Today = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Make again what was published on this day, as it was known then."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The new file for --as-of; nothing else is written.")] = None,
) -> None:
    """Load what has arrived, gate it, build the marts, audit and publish. Does nothing where nothing is new."""
    from pipelines.state import look  # noqa: PLC0415
    from pipelines.summary import show_idle  # noqa: PLC0415

    if (as_of is None) != (out is None):
        raise UsageError("--as-of and --out go together", "give the day with --as-of, and the new file with --out")
    if as_of and out:
        with writing_command("run --as-of", wait, today) as command:
            _run_as_of(command, as_of.date(), out.expanduser().resolve())
        return
    with writing_command("run", wait, today) as command:
        state = look(command.settings, command.now)
        for text in state.arrivals.left_out:
            errors.print(escape(text), soft_wrap=True)
        if state.is_idle or state.is_empty:
            if state.is_published and state.completeness.is_complete:
                command.show_summary()
            show_idle(console, command.settings, state)
            return
        # Not before: it imports what reads deliveries, which a run that finds nothing new has no use for.
        from pipelines.run_tags import tags_to_load  # noqa: PLC0415

        tags = tags_to_load(state.sources_file, state.delivery_days, command.now)
        command.run_job(tags, f"{len(state.arrivals.to_load):,} deliveries have arrived")


def _run_as_of(command: Writing, day: date, out: Path) -> None:
    """Make again what was published on `day`, and say whether it is the same."""
    from pipelines.as_of import STEPS, check_target, find_edition, remake  # noqa: PLC0415
    from pipelines.manifest import require_warehouse  # noqa: PLC0415
    from pipelines.sources.sources_file import load_sources_file  # noqa: PLC0415

    settings = command.settings
    sources_file = load_sources_file(settings.sources_file)
    require_warehouse(settings)
    check_target(settings, out)
    edition = find_edition(settings, sources_file.company, day)
    with ProgressDisplay(errors) as show:
        remade = remake(settings, sources_file, edition, out, counted(show, STEPS))
    if remade.erased:
        console.print(
            f"{remade.erased:,} persons were erased since: it excludes them, and their facts belong to nobody.",
            soft_wrap=True,
        )
    for feed, before in remade.pruned.items():
        console.print(f"{feed} was pruned: it lacks what was delivered before {before}.", soft_wrap=True)
    published = f"{edition.published_at:%Y-%m-%d %H:%M} UTC"
    console.print(f"{remade.path}  ({remade.tables} tables, as known when published at {published})", soft_wrap=True)
    if remade.content_hash == edition.content_hash:
        console.print(f"Its content is what was published then: content hash {remade.content_hash}", soft_wrap=True)
        return
    where = "that file is no longer kept, so that nobody can say in which tables"
    if remade.differing is not None:
        where = f"in {', '.join(remade.differing)}"
    console.print(
        f"Its content differs from what was published then (hash {remade.content_hash}, then {edition.content_hash}), "
        f"{where}: mapping, rules or models have changed since"
        f"{', or persons were erased' if remade.erased else ''}{', or feeds pruned' if remade.pruned else ''}.",
        soft_wrap=True,
    )


@app.command(
    epilog="Example: [cyan]crmdw backfill --from 2024-01-01 --to 2024-06-30 --feed branch__transactions[/cyan]"
)
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First delivery date.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last delivery date.")],
    feed: Annotated[str | None, typer.Option(help="One feed only; default: all.")] = None,
    restart: Annotated[bool, typer.Option(help="Load feeds again that an interrupted backfill has done.")] = False,
    wait: Wait = 0,
    today: Today = None,
) -> None:
    """Load a range of delivery dates again, by today's mapping and gates, then build, audit and publish.

    The same command goes on where it was interrupted, with the feeds not yet done.
    """
    from pipelines.backfill import backfill_key, feeds_done, forget  # noqa: PLC0415
    from pipelines.connections import connected  # noqa: PLC0415
    from pipelines.contracts import feeds  # noqa: PLC0415
    from pipelines.repair import require_open  # noqa: PLC0415
    from pipelines.run_tags import tags_to_backfill  # noqa: PLC0415
    from pipelines.sources.sources_file import load_sources_file  # noqa: PLC0415

    if last < first:
        raise UsageError(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}", "give a range in order")
    if feed not in (None, *feeds()):
        raise UsageError(f"--feed {feed}: there is no such feed", f"give one of {', '.join(feeds())}")
    with writing_command("backfill", wait, today) as command:
        sources_file = load_sources_file(command.settings.sources_file)
        if command.settings.warehouse.exists():
            with connected(command.settings, command.settings.warehouse, read_only=True) as warehouse:
                require_open(warehouse, [feed] if feed else feeds(), first.date())
        if restart:
            forget(command.settings)
        key = backfill_key(command.settings, first.date(), last.date(), feed)
        if done := feeds_done(command.settings, key):
            text = f"Going on after an interruption; done already: {', '.join(done)} (--restart loads them again)"
            console.print(text, soft_wrap=True)
        tags = tags_to_backfill(sources_file, first.date(), last.date(), feed, command.now, key)
        command.run_job(tags, f"{first:%Y-%m-%d} to {last:%Y-%m-%d}")
        forget(command.settings)


@app.command(epilog="Example: [cyan]crmdw publish[/cyan]")
def publish(wait: Wait = 0, today: Today = None) -> None:
    """Build the marts from what is loaded, audit and publish; nothing new is read."""
    from pipelines.manifest import require_warehouse  # noqa: PLC0415
    from pipelines.run_tags import tags_to_publish  # noqa: PLC0415

    with writing_command("publish", wait, today) as command:
        require_warehouse(command.settings)
        require_loaded(command.settings)
        command.run_job(tags_to_publish(command.now), "from what is loaded", load=False)


@app.command(epilog="Example: [cyan]crmdw status[/cyan]")
def status(today: Today = None) -> None:
    """Show what is loaded per feed, what waits in the inbox, and what is refused or overdue. Changes nothing."""
    from pipelines.state import instant_of, look  # noqa: PLC0415
    from pipelines.summary import show_status  # noqa: PLC0415

    settings = Settings.from_environment()
    try:
        state = look(settings, instant_of(settings, today))
    except LockedError as error:
        errors.print(f"{escape(error.cause)}; ask again when it has ended", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    show_status(console, settings, state)


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
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(PROJECT_ROOT / "workspace.yaml")]
    command += ["--host", host, "--port", str(port), "--log-level", "warning"]
    # Dagster takes this process's place, so that whoever stops the one stops the other.
    sys.stdout.flush()
    os.chdir(settings.home)
    os.execv(sys.executable, command)


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
    arguments = _options_first(sys.argv[1:])
    # Whatever is written, by DuckDB, Dagster and dbt too, is the owner's alone.
    os.umask(0o077)
    try:
        app(arguments)
    except Exception as error:
        if "--verbose" in arguments:
            raise
        if isinstance(error, WarehouseError):
            errors.print(f"[bold red]Error[/bold red] {escape(str(error))}", soft_wrap=True)
            sys.exit(error.exit_code)
        text = escape(f"{type(error).__name__}: {error}")
        errors.print(f"[bold red]Unexpected error[/bold red] {text}", soft_wrap=True)
        errors.print("Run again with --verbose for the traceback.")
        sys.exit(1)


def _options_first(arguments: list[str]) -> list[str]:
    """The arguments with those of every command before the command, as the parser wants them."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument in ("--home", "--sources"):
            first += [argument, *itertools.islice(left, 1)]
        elif argument == "--verbose" or argument.startswith(("--home=", "--sources=")):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


if __name__ == "__main__":
    main()
