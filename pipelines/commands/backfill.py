"""`crmdw backfill`: a range of delivery dates loaded again."""

from datetime import datetime
from typing import Annotated

import typer

from pipelines.commands.frame import Today, Wait, writing_command
from pipelines.commands.terminal import console
from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.orchestration.backfill import backfill_key, feeds_done, forget
from pipelines.orchestration.run_tags import tags_to_backfill
from pipelines.repair.decided import require_open
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()


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
