"""`crmdw ui`: Dagster's web server and daemon, for this machine alone."""

import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from pipelines.commands.terminal import console
from pipelines.errors import UsageError
from pipelines.orchestration.preparation import prepare
from pipelines.settings import Settings
from pipelines.web.server import bind, checked_proxy, port_of

app = typer.Typer()


@app.command(
    epilog="Example: [cyan]crmdw ui --port 3001[/cyan]\n\n"
    "For others: [cyan]crmdw ui --viewer --port 3001 --proxy https://www.example.org/crm[/cyan]"
)
def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 3000,
    viewer: Annotated[bool, typer.Option("--viewer", help="To look only: nothing can be started or changed.")] = False,
    proxy: Annotated[
        str | None, typer.Option(help="With --viewer: the address under which a proxy with a log-in shows the pages.")
    ] = None,
) -> None:
    """Start Dagster's web server and daemon: the asset graph, runs, checks, schedule and sensor.

    It answers this machine alone, and other sites' pages not at all. There is no log-in.
    """
    if proxy is not None:
        if not viewer:
            raise UsageError("--proxy goes with --viewer alone", "add --viewer: others are to look, and change nothing")
        proxy = checked_proxy(proxy)
    settings = Settings.from_environment()
    # Before anything slow is loaded, so that a taken port is said at once.
    bound = bind(port)
    prepare(settings)
    what = "Dagster UI, to look only" if viewer else "Dagster UI"
    path = urlsplit(proxy or "").path
    console.print(f"{what}: http://127.0.0.1:{port_of(bound)}{path}   (Ctrl-C ends it)", soft_wrap=True)
    sys.stdout.flush()
    from pipelines.orchestration.pages import serve  # noqa: PLC0415 (importing Dagster takes seconds)

    serve(settings, bound, is_viewer=viewer, proxy=proxy)
