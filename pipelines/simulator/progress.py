"""How the simulator tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

# Told the stage that begins and the share of the work done, 0 to 1.
Progress = Callable[[str, float], None]


def silent(_stage: str, _share: float) -> None:
    """Takes the place of a display where there is none."""


def part_of(progress: Progress, first: float, last: float) -> Progress:
    """Progress of a part of the work, whose own shares 0 to 1 are `first` to `last` of the whole."""
    return lambda stage, share: progress(stage, first + (last - first) * share)
