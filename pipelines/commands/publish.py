"""`crmdw publish`: the marts built and published from what is loaded."""

import typer

from pipelines.archive.manifest import require_warehouse
from pipelines.commands.frame import Today, Wait, require_loaded, writing_command
from pipelines.orchestration.run_tags import tags_to_publish

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw publish[/cyan]")
def publish(wait: Wait = 0, today: Today = None) -> None:
    """Build the marts from what is loaded, audit and publish; nothing new is read."""
    with writing_command("publish", wait, today) as command:
        require_warehouse(command.settings)
        require_loaded(command.settings)
        command.run_job(tags_to_publish(command.now), "from what is loaded", load=False)
