"""How much chaos there is, and which: read from the environment, so that a failure is repeated by one command."""

import os
from typing import Any

import pytest

SCALE = int(os.environ.get("CHAOS_SCALE", "1"))
"""1 in `make test-all`; `make chaos` has ten times as many mutated files, kill points and killed runs."""

SEED = int(os.environ.get("CHAOS_SEED", "1"))
"""Another seed damages other bytes and kills at other instants."""


def sweep(count: int, *kept: int) -> list[Any]:
    """The numbers of so many cases of one kind, of which `make test` has the middle one and those `kept` alone."""
    return [
        pytest.param(number, marks=[] if number in (count // 2, *kept) else pytest.mark.long) for number in range(count)
    ]
