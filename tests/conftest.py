"""What tests of several folders share: homes that files can be delivered into and loaded."""

import os
import shutil
from collections.abc import Callable

import pytest
from daily_customers import COLUMNS, CUSTOMERS
from filelock import FileLock
from hypothesis import settings
from integration import homes
from loading_home import Home

from pipelines.settings import Settings

pytest_plugins = ["clock"]

# `make test` is the same every time; `make test-all` searches further, with examples that nobody has seen.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=300)
settings.load_profile("same")

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Makes as many homes as a test needs; a property-based test needs one per example."""

    def make() -> Home:
        folder = tmp_path_factory.mktemp("home")
        return Home(Settings(folder, folder / "sources.yml", "1GB", 2, 3))

    return make


@pytest.fixture
def home(new_home: Callable[[], Home]) -> Home:
    return new_home()


@pytest.fixture
def branch(home: Home) -> Home:
    """A home to which one branch system delivers customers daily, in CP949."""
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    return home


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> homes.Home:
    """A home that has been simulated and run once, by the first of the test processes that asks. Nobody changes it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with FileLock(folder / "built.lock"):
        if not (folder / "built" / "is_done").exists():
            shutil.rmtree(folder / "built", ignore_errors=True)
            (folder / "built").mkdir()
            homes.simulated(folder / "built" / "home").succeed("run")
            (folder / "built" / "is_done").touch()
    return homes.Home(folder / "built" / "home")
