"""Runs loads and commands in processes that can be killed, through the program `kill_server.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class KillServer:
    """The program `kill_server.py`, running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, home: Path, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"home": str(home), **request, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()


@contextmanager
def kill_server() -> Iterator[KillServer]:
    """The program, until it is no longer needed."""
    program = Path(__file__).with_name("kill_server.py")
    path = os.pathsep.join([str(program.parents[0]), str(program.parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, str(program)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        server = KillServer(process)
        yield server
        server.close()
