"""One line of a benchmark's result."""

from collections.abc import Iterator
from dataclasses import dataclass

from process_measurement import Measurement


@dataclass(frozen=True)
class Figure:
    """One line of the result; `target` is empty where there is none."""

    name: str
    figure: str
    target: str = ""


def cost(*measurements: Measurement, target: str = "") -> Iterator[Figure]:
    """Processor time of all commands together, and the memory of the one that needs most."""
    yield Figure("  processor time", f"{sum(each.processor_seconds for each in measurements):.1f} s")
    yield Figure("  peak memory", f"{max(each.peak_bytes for each in measurements) / 1e9:.2f} GB", target)
