"""Files that a killed process or a lost current leaves whole: the old one, or the new one, never a piece of it."""

import os
from collections.abc import Sequence
from pathlib import Path

_FEW_FILES = 16


def write_durably(path: Path, text: str) -> None:
    """Put `text` in the place of `path` by one rename, mode 0600; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = path.with_name(path.name + ".new")
    written.touch(mode=0o600)
    written.write_text(text, encoding="utf-8")
    synchronise([written])
    written.replace(path)
    synchronise([path.parent])


def synchronise(paths: Sequence[Path]) -> None:
    """Have the operating system put these files and folders on the disk."""
    if len(paths) > _FEW_FILES:
        # One call for the whole system is quicker than one for each of very many files.
        os.sync()
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
