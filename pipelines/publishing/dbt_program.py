"""dbt as the program `crmdw-dbt`: dbt's own command line, which looks for garbage seldom."""

import gc
import sys

from pipelines.home.garbage import collect_seldom


def main() -> None:
    """Run dbt with this process's arguments."""
    collect_seldom()
    from dbt.cli.main import cli  # noqa: PLC0415 (importing makes most of the objects)

    # What is there now stays to the end, and is not looked at again.
    gc.freeze()
    sys.argv[0] = "dbt"
    cli()
