"""`crmdw simulate`: a made company, for trying things out."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.frame import Day
from pipelines.commands.progress_display import ProgressDisplay
from pipelines.commands.terminal import console, errors
from pipelines.errors import UsageError
from pipelines.settings import Settings
from pipelines.simulator import simulate as run_simulation

app = typer.Typer()


@app.command(
    epilog="Example: [cyan]crmdw simulate --customers 500 --start 2024-01-01 --end 2024-03-31[/cyan]\n\n"
    "20,000,000 transactions: [cyan]crmdw simulate --customers 1000000 --start 2023-01-01 --end 2024-03-31[/cyan]"
)
def simulate(
    customers: Annotated[int, typer.Option(min=10, help="How many customers the company has at the end.")] = 5000,
    start: Day = datetime(2023, 1, 1),
    end: Day = datetime(2024, 12, 31),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the home.")] = None,
) -> None:
    """Simulate a company: native files in inbox/, the truth about them in truth/, and their sources.yml."""
    if end < start:
        raise UsageError(f"--end {end:%Y-%m-%d} is before --start {start:%Y-%m-%d}", "give an end after the start")
    folder = (out or Settings.from_environment().home).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with ProgressDisplay(errors) as show:
            rows = run_simulation(
                folder, customers, start.date(), end.date(), seed, lambda step, share: show("simulate", step, share)
            )
    except FileExistsError as error:
        raise UsageError(str(error), "give another folder with --out or --home, or remove it") from error
    size = f"{rows['rows']:,} rows, {rows['dirty_rows']:,} of them dirty, in {rows['files']:,} files"
    console.print(f"Simulated {size}: {folder}", soft_wrap=True)
