"""`crmdw init`: a home folder, and an annotated sources file to fill in."""

import typer

from pipelines.commands.terminal import console
from pipelines.home.shell_command import shell_command
from pipelines.orchestration.preparation import prepare, write_sources_template
from pipelines.person.tombstones import make_key
from pipelines.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw init[/cyan]")
def init() -> None:
    """Make the home folder, an annotated sources file to fill in, and Dagster's and dbt's own files."""
    settings = Settings.from_environment()
    written = write_sources_template(settings)
    make_key(settings)
    prepare(settings)
    console.print(f"Home: {settings.home}", soft_wrap=True)
    if written:
        console.print(f"Next: describe your files in {settings.sources_file}, then", soft_wrap=True)
    for name in ("doctor", "run", "ui"):
        console.print(f"  {shell_command(settings, name)}", soft_wrap=True, markup=False)
