"""Tells with every failure the command that repeats it."""

from collections.abc import Iterator

import pytest
from person_home import person_home  # noqa: F401 (a fixture)

from .killing import KillServer, kill_server
from .scale import SCALE, SEED


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = (yield).get_result()
    if report.failed:
        command = f"CHAOS_SEED={SEED} CHAOS_SCALE={SCALE} .venv/bin/python -m pytest '{item.nodeid}'"
        report.sections.append(("repeat with", command))


@pytest.fixture(scope="module")
def run() -> Iterator[KillServer]:
    with kill_server() as server:
        yield server
