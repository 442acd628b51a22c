"""A `crmdw` command as a line for any shell, for messages that say what to do next."""

import shlex
import sys
from pathlib import Path

from pipelines.settings import Settings


def shell_command(settings: Settings, *arguments: str) -> str:
    """A `crmdw` command on this home that can be copied to any shell."""
    is_own = settings.sources_file == settings.home / "sources.yml"
    sources = [] if is_own else ["--sources", str(settings.sources_file)]
    program = str(Path(sys.executable).with_name("crmdw"))
    return shlex.join([program, "--home", str(settings.home), *sources, *arguments])
