"""The commands under `crmdw quality`."""

import webbrowser
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.loading.look import instant_of
from pipelines.quality.report import write_report
from pipelines.settings import Settings

app = typer.Typer(help="How far the loaded data can be trusted.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `report` a command of its own while it is the only one."""


@app.command(epilog="Example: [cyan]crmdw quality report --open[/cyan]")
def report(
    out: Annotated[Path | None, typer.Option(help="Where to write; default: reports/quality.html in the home.")] = None,
    opened: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day that counts as today; default: today in the zone."),
    ] = None,
) -> None:
    """Write one HTML page: what came, what is missing, which rules failed and what is held back. Changes nothing."""
    settings = Settings.from_environment()
    path = write_report(settings, instant_of(settings, today), out.expanduser().resolve() if out else None)
    typer.echo(f"Quality report: {path}")
    if opened:
        webbrowser.open(path.as_uri())
