"""Homes that several tests look at. They are run once, because a run takes half a minute; who changes one copies it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .homes import Home, simulated


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has been simulated and run once. Nobody changes it."""
    home = simulated(tmp_path_factory.mktemp("built") / "home")
    home.succeed("run")
    return home


@pytest.fixture
def copy(built: Home, tmp_path: Path) -> Home:
    """A copy of the built home, to be spoilt."""
    return built.copied_to(tmp_path / "home")
