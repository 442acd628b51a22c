"""What tests of several folders share: homes that files can be delivered into and loaded."""

import os
from collections.abc import Callable

import pytest
from daily_customers import COLUMNS, CUSTOMERS
from loading_home import Home

from pipelines.settings import Settings

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
