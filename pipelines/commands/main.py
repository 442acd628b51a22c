"""The `crmdw` command: which commands there are, their common options, and how each of them ends.

A command's module is imported when the command is called: what one of them needs, the others do not wait for.
"""

import itertools
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from pipelines.commands.terminal import errors
from pipelines.errors import EXIT_CODE_MEANINGS, WarehouseError
from pipelines.home.garbage import collect_seldom

_EXIT_CODES = "\n\n".join(f"{code.value}  {meaning}" for code, meaning in EXIT_CODE_MEANINGS.items())


class _Listed(NamedTuple):
    """A command as the overview lists it: under which heading, and in which words."""

    panel: str
    help: str


_SET_UP, _EVERY_DAY, _REPAIR, _PERSONS = "Set up", "Every day", "Repair", "Customers as persons"

COMMANDS = {
    "init": _Listed(_SET_UP, "Make a home folder, with an annotated sources file to fill in."),
    "simulate": _Listed(_SET_UP, "Simulate a company: its files, and the truth about them."),
    "doctor": _Listed(_SET_UP, "Check the home: versions, sources file, lock, disk, stray logs."),
    "run": _Listed(_EVERY_DAY, "Load what has arrived, gate it, build, audit and publish."),
    "publish": _Listed(_EVERY_DAY, "Build the marts from what is loaded, audit and publish."),
    "status": _Listed(_EVERY_DAY, "Show what is loaded, and what waits, is refused or is overdue."),
    "quality": _Listed(_EVERY_DAY, "How far the loaded data can be trusted."),
    "ui": _Listed(_EVERY_DAY, "Start Dagster's web pages, with the schedule and the sensor."),
    "quarantine": _Listed(_REPAIR, "Rows that a gate held back: show, fix, discard or replay them."),
    "retract": _Listed(_REPAIR, "Withdraw a delivery on purpose."),
    "backfill": _Listed(_REPAIR, "Load a range of delivery dates again."),
    "rebuild": _Listed(_REPAIR, "Make the warehouse anew from archive and decisions."),
    "identity": _Listed(_PERSONS, "Which source records are one customer, and why."),
    "consent": _Listed(_PERSONS, "What customers allow, and by which law."),
    "person": _Listed(_PERSONS, "All that is held of one person, and who has looked at it."),
    "erase": _Listed(_PERSONS, "Erase persons from everything that is kept, and prove it."),
    "prune": _Listed(_PERSONS, "Remove what is kept longer than it needs to be."),
}
"""The name of a command is also that of its module in this package, whose `app` it is."""


class _Commands(TyperGroup):
    """Lists the commands without importing them, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, listed in COMMANDS.items():
            self.add_command(TyperCommand(name, help=listed.help, rich_help_panel=listed.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command_called(name) if name in COMMANDS else command, rest


def command_called(name: str) -> Any:
    """The command of COMMANDS, or the group of commands, that is called `name`. Imports its module."""
    return typer.main.get_command(import_module(f"pipelines.commands.{name}").app)


app = typer.Typer(
    cls=_Commands,
    help="One trustworthy, dated customer from every channel, in a DuckDB warehouse that is ready each morning.",
    epilog="--home, --sources and --verbose may stand after the command too.\n\n"
    f"[bold]Exit codes[/bold]\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


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


def main() -> None:
    """Run the command; an error that a person can mend is shown as cause and remedy, without a traceback."""
    collect_seldom()
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
