"""Where commands print."""

import sys

from rich.console import Console

# Where nobody looks at a terminal, tables have the room that their columns need.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
errors = Console(stderr=True, highlight=False)
