"""`crmdw retract`: a delivery withdrawn on purpose."""

from datetime import datetime
from typing import Annotated

import typer

from pipelines.archive.batches import archived_delivery
from pipelines.commands.frame import TO_PUBLISH, By, Reason, Wait, loaded_home, writing_command
from pipelines.commands.progress_display import ProgressDisplay
from pipelines.commands.terminal import console, errors
from pipelines.contracts import feeds
from pipelines.loading.feed import load_deliveries
from pipelines.repair.decided import find_deliveries, load_what_is_stale, restore
from pipelines.repair.decided import retract as withdraw_deliveries
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw retract branch__transactions 2024-01-15 --reason 'sent twice'[/cyan]")
def retract(
    feed: Annotated[str, typer.Argument(help="The feed.")],
    day: Annotated[datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="The delivery date.")],
    reason: Reason,
    system: Annotated[str | None, typer.Option(help="The system that delivered, where there are several.")] = None,
    part: Annotated[str | None, typer.Option(help="One part only; default: all.")] = None,
    is_undone: Annotated[bool, typer.Option("--undo", help="Put back what was withdrawn.")] = False,
    by: By = None,
    wait: Wait = 0,
) -> None:
    """Withdraw a delivery on purpose: its rows leave the warehouse, and the same file is not loaded again."""
    with writing_command("retract", wait) as command:
        settings = loaded_home(feed)
        sources_file = load_sources_file(settings.sources_file)
        author = command.author(by, reason)
        if is_undone:
            manifests = restore(settings, sources_file, feed, day.date(), system, part, author)
            names = [manifest.file for manifest in manifests]
        else:
            loads = find_deliveries(settings, feed, day.date(), system, part)
            withdraw_deliveries(settings, sources_file, loads, author)
            names = [load.file for load in loads]
        with ProgressDisplay(errors) as progress:
            if is_undone:
                deliveries = [archived_delivery(sources_file, manifest) for manifest in manifests]
                load_deliveries(settings, sources_file, feeds()[feed], deliveries, "retract --undo")
            load_what_is_stale(settings, sources_file, "retract", progress)
        for name in names:
            text = "is loaded again" if is_undone else "is withdrawn; while it stays as it is, it is not loaded again"
            console.print(f"{name} {text}", soft_wrap=True, markup=False)
        if not is_undone and any(one.terms.required for one in sources_file.of_feed(feed)):
            console.print(f"{feed} is required: {day:%Y-%m-%d} is missing again, and due.", soft_wrap=True)
        console.print(TO_PUBLISH)
