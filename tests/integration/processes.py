"""Runs a Python program in a process of its own, forked from one that has imported the libraries.

Importing Dagster, dbt's own packages and Great Expectations takes nine seconds of a processor, which each of a hundred
commands would pay again. What is the project's own is imported anew by each program.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any

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

_OUTPUTS = ("stdout", "stderr")
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(LIBRARIES)


@dataclass(frozen=True)
class Program:
    """A program that runs, or has ended; what it writes lies in files until then."""

    arguments: tuple[str, ...]
    process: Any
    written: TemporaryDirectory[str]

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.process.exitcode

    def end(self, seconds: float | None = None) -> CompletedProcess[str]:
        """Wait for its end; its exit code, and what it has written. Fails after so many `seconds`."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"{self.arguments} has not ended within {seconds} s"
        texts = [Path(self.written.name, name).read_text(encoding="utf-8") for name in _OUTPUTS]
        self.written.cleanup()
        return CompletedProcess(self.arguments, self.process.exitcode, *texts)


def begin_program(program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> Program:
    """Begin to run the text `program` in `folder`."""
    written = TemporaryDirectory()
    outputs = [Path(written.name) / name for name in _OUTPUTS]
    process = _SERVER.Process(target=_act, args=(program, arguments, folder, environment, outputs))
    process.start()
    return Program(arguments, process, written)


def run_program(
    program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> CompletedProcess[str]:
    """Run the text `program` in `folder` to its end; its exit code, negative for a signal, and what it has written."""
    return begin_program(program, arguments, folder, environment).end()


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
