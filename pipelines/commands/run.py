"""`crmdw run`: the one job on what has arrived; with `--as-of`, an earlier publication made again."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.commands.frame import Today, Wait, writing_command
from pipelines.commands.summary import show_idle
from pipelines.commands.terminal import console, errors
from pipelines.errors import UsageError
from pipelines.loading.look import look
from pipelines.orchestration.run_tags import tags_to_load

app = typer.Typer()


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
    if (as_of is None) != (out is None):
        raise UsageError("--as-of and --out go together", "give the day with --as-of, and the new file with --out")
    if as_of and out:
        with writing_command("run --as-of", wait, today) as command:
            from pipelines.commands.as_of import run_as_of  # noqa: PLC0415 (a run that finds nothing new is quick)

            run_as_of(command, as_of.date(), out.expanduser().resolve())
        return
    with writing_command("run", wait, today) as command:
        status = look(command.settings, command.now)
        for text in status.arrivals.left_out:
            errors.print(escape(text), soft_wrap=True)
        if status.is_idle or status.is_empty:
            if status.is_published and status.completeness.is_complete:
                command.show_summary()
            show_idle(console, command.settings, status)
            return
        tags = tags_to_load(status.sources_file, status.delivery_days, command.now)
        command.run_job(tags, f"{len(status.arrivals.to_load):,} deliveries have arrived")
