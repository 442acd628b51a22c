"""The clock of the tests counts what a test's processes do, also those that live on after it."""

import subprocess
import sys

from clock import processor_seconds

_WORK = "import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"


def test_a_child_that_lives_and_what_it_has_waited_for_are_counted():
    before = processor_seconds()
    program = f"{_WORK.format(seconds=0.3)}import subprocess, sys\n"
    program += f"subprocess.run([sys.executable, '-c', {_WORK.format(seconds=0.3)!r}])\n"
    program += "print('done', flush=True); sys.stdin.read()\n"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"done\n"
        assert 0.5 < processor_seconds() - before < 5
        child.communicate()
