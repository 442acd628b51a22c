"""`crmdw prune`: what is kept longer than need be, and its removal."""

from typing import Annotated

import typer

from pipelines.commands.frame import TO_PUBLISH, Today, Wait, require_loaded, writing_command
from pipelines.commands.terminal import console
from pipelines.connections import connected
from pipelines.ledger.tables import create_tables
from pipelines.orchestration.preparation import prepare
from pipelines.retention.prunable import prunable_files, prunable_rows, prunable_runs
from pipelines.retention.pruning import kept_for_look_ups, prunable_history
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw prune --days 30 --apply[/cyan]")
def prune(
    days: Annotated[int, typer.Option(min=1, help="Age from which published files and Dagster's runs go.")] = 90,
    is_applied: Annotated[bool, typer.Option("--apply", help="Remove it; without this it is only listed.")] = False,
    wait: Wait = 0,
    today: Today = None,
) -> None:
    """Remove what is kept longer than it needs to be: rows in quarantine, old published files, Dagster's runs and logs.

    Rows of raw and batches of the archive go where their feed's contract has raw_days and archive_days. Decisions and
    the ledger's counts stay. The last published file always stays.
    """
    with writing_command("prune", wait, today) as command:
        settings = command.settings
        require_loaded(settings)
        prepare(settings)
        sources_file = load_sources_file(settings.sources_file)
        day = sources_file.company.business_day(command.now)
        with connected(settings, settings.warehouse) as warehouse:
            create_tables(warehouse)
            found = [
                *prunable_rows(warehouse, day),
                *prunable_history(warehouse, settings, sources_file, day),
                *prunable_files(settings, command.now, days),
                *prunable_runs(settings, command.now, days),
            ]
            for one in found:
                console.print(f"{one.count:,} {one.what}: {one.size / 1e6:,.1f} MB", soft_wrap=True, markup=False)
                if one.consequence:
                    console.print(f"  {one.consequence}", soft_wrap=True, markup=False)
                if is_applied:
                    one.remove()
    for feed, others in kept_for_look_ups(sources_file):
        text = f"{feed} stays in raw, whatever its contract says, because {', '.join(others)} looks values up in it."
        console.print(text, soft_wrap=True)
    if not found:
        console.print("Nothing is kept longer than it needs to be.")
    elif not is_applied:
        console.print("Nothing was removed; `crmdw prune --apply` does.")
    elif any(one.consequence for one in found):
        console.print(TO_PUBLISH)
