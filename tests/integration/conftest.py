"""What the integration tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .homes import CommandHome


@pytest.fixture
def copy(built: CommandHome, tmp_path: Path) -> CommandHome:
    """A copy of the built home, to be spoilt."""
    return built.copied_to(tmp_path / "home")
