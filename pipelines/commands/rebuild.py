"""`crmdw rebuild`: the warehouse made anew from archive and decisions."""

from typing import Annotated

import typer

from pipelines.commands.frame import Wait, writing_command
from pipelines.commands.progress_display import ProgressDisplay
from pipelines.commands.terminal import console, errors
from pipelines.ledger.loads import conservation_line
from pipelines.orchestration.run_tags import tags_to_publish
from pipelines.replay.rebuild import drop_old
from pipelines.replay.rebuild import rebuild as remake
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw rebuild --yes[/cyan]")
def rebuild(is_agreed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, wait: Wait = 0) -> None:
    """Make the warehouse anew from archive and decisions, by the mapping and the rules of today, and publish."""
    if not is_agreed:
        typer.confirm(
            "The warehouse is made anew from the archive; that takes as long as the first load. Go on?", abort=True
        )
    with writing_command("rebuild", wait) as command:
        with ProgressDisplay(errors) as progress:
            counts = remake(command.settings, load_sources_file(command.settings.sources_file), "rebuild", progress)
        console.print(f"{counts['batches']:,} batches are back: {conservation_line(counts)}", soft_wrap=True)
        command.run_job(tags_to_publish(command.now), "from what is rebuilt", load=False)
        drop_old(command.settings)
