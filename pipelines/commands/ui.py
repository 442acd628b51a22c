"""`crmdw ui`: Dagster's web server and daemon."""

import os
import sys
from typing import Annotated

import typer

from pipelines.commands.terminal import console
from pipelines.orchestration.preparation import prepare
from pipelines.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: [cyan]crmdw ui --port 3001[/cyan]")
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; there is no log-in, so keep it local.")
    ] = "127.0.0.1",
) -> None:
    """Start Dagster's web server and daemon: the asset graph, runs, checks, schedule and sensor."""

    settings = Settings.from_environment()
    prepare(settings)
    console.print(f"Dagster UI: http://{host}:{port}   (Ctrl-C ends it)")
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "pipelines.definitions"]
    command += ["--host", host, "--port", str(port), "--log-level", "warning"]
    # Dagster takes this process's place, so that whoever stops the one stops the other.
    sys.stdout.flush()
    os.chdir(settings.home)
    os.execv(sys.executable, command)
