"""A program in a test's process is as alone as one that is started by itself, but for the libraries."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from .processes import LIBRARIES, run_program


def test_the_libraries_are_imported_already_and_nothing_of_the_project(tmp_path: Path):
    done = run_program("import json, sys; print(json.dumps(list(sys.modules)))", (), tmp_path, {})
    imported = set(json.loads(done.stdout))
    assert set(LIBRARIES) <= imported
    assert {name for name in imported if name.split(".")[0] in ("pipelines", "expectations")} == set()


def test_folder_environment_arguments_and_outputs_are_its_own(tmp_path: Path):
    program = "import os, sys; print(os.getcwd(), dict(os.environ), sys.argv[1:]); print('error', file=sys.stderr)"
    done = run_program(program, ("one", "two"), tmp_path, {"ONLY": "this"})
    assert done.stdout == f"{tmp_path} {{'ONLY': 'this'}} ['one', 'two']\n"
    assert (done.returncode, done.stderr) == (0, "error\n")
    assert Path.cwd() != tmp_path
    assert "ONLY" not in os.environ


def test_it_ends_with_the_exit_code_the_signal_or_the_error_of_its_program(tmp_path: Path):
    def code(program: str) -> int:
        return run_program(program, (), tmp_path, {}).returncode

    assert code("import sys; sys.exit(7)") == 7
    assert code("import os; os._exit(9)") == 9
    assert code("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    assert code("1 / 0") == 1
