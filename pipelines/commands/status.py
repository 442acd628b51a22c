"""`crmdw status`: what is loaded, waits, is refused or overdue."""

import typer
from rich.markup import escape

from pipelines.commands.frame import Today
from pipelines.commands.summary import show_status
from pipelines.commands.terminal import console, errors
from pipelines.errors import LockedError
from pipelines.loading.look import instant_of, look
from pipelines.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw status[/cyan]")
def status(today: Today = None) -> None:
    """Show what is loaded per feed, what waits in the inbox, and what is refused or overdue. Changes nothing."""
    settings = Settings.from_environment()
    try:
        found = look(settings, instant_of(settings, today))
    except LockedError as error:
        errors.print(f"{escape(error.cause)}; ask again when it has ended", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    show_status(console, settings, found)
