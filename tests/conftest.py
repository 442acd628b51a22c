"""What tests of several folders share: homes that files can be delivered into and loaded."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from daily_customers import COLUMNS, CUSTOMERS
from hypothesis import settings
from integration import homes
from loading_home import LoadingHome
from made_once import made_once

from pipelines.settings import Settings

pytest_plugins = ["clock"]

# A test opens and closes DuckDB files dozens of times, and waits for the disk each time. In memory there is no waiting.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= 8 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# `make test` is the same every time; `make test-all` searches further, with examples that nobody has seen.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=300)
settings.load_profile("same")

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], LoadingHome]:
    """Makes as many homes as a test needs; a property-based test needs one per example."""

    def make() -> LoadingHome:
        folder = tmp_path_factory.mktemp("home")
        return LoadingHome(Settings(folder, folder / "sources.yml", "1GB", 2, 3))

    return make


@pytest.fixture
def home(new_home: Callable[[], LoadingHome]) -> LoadingHome:
    return new_home()


@pytest.fixture
def branch(home: LoadingHome) -> LoadingHome:
    """A home to which one branch system delivers customers daily, in CP949."""
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    return home


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> homes.CommandHome:
    """A home that has been simulated and run once. Nobody changes it."""
    folder = made_once(tmp_path_factory, "built", lambda folder: homes.simulated(folder / "home").succeed("run"))
    return homes.CommandHome(folder / "home")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the files into an order in which no process waits long: for the built home, or for the last long file.

    One file has the home built; while it does, others run that need none. Small files fill up the end.
    """
    fixtures: dict[Path, set[str]] = {}
    for item in items:
        fixtures.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))
    first = next((path for path, names in fixtures.items() if "built" in names), None)

    def rank(item: pytest.Item) -> int:
        names = fixtures[item.path]
        if item.path == first:
            return 0
        if "built" in names:
            return 2
        if "unit" not in item.path.parts:
            return 1
        return 3 if names & {"new_home", "person_home"} else 4

    items.sort(key=rank)
