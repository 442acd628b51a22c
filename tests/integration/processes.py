"""Runs a Python program in a process of its own, forked from one that has imported the libraries.

Importing Dagster, dbt's own packages and Great Expectations takes nine seconds of a processor, which each of a hundred
commands would pay again. What is the project's own is imported anew by each program.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

LIBRARIES = [
    "dagster",
    "dagster_dbt",
    "duckdb",
    "duckdb_sqlalchemy",
    "great_expectations.expectations",
    "pyarrow",
    "rich.console",
    "typer",
    "yaml",
]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(LIBRARIES)


def run_program(
    program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> CompletedProcess[str]:
    """Run the text `program` in `folder` to its end; its exit code, negative for a signal, and what it has written."""
    with TemporaryDirectory() as written:
        outputs = [Path(written) / name for name in ("stdout", "stderr")]
        process = _SERVER.Process(target=_act, args=(program, arguments, folder, environment, outputs))
        process.start()
        process.join()
        assert process.exitcode is not None
        texts = [output.read_text(encoding="utf-8") for output in outputs]
    return CompletedProcess(arguments, process.exitcode, *texts)


def _act(
    program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str], outputs: list[Path]
) -> None:
    for descriptor, output in enumerate(outputs, start=1):
        with output.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["-c", *arguments]
    exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
