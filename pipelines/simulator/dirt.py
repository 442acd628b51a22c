"""Spoils a known share of rows, the way real files are spoiled, and keeps count of every one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import layouts, text
from pipelines.simulator.layouts import Layout

SHARE = 0.005
# In smaller files one bad row would be more than a batch may hold.
SMALLEST_FILE = 40
LARGEST_SHARE = 0.04
# Stands in a text for the byte that no codec here can decode; never part of real data, nor a trail byte of CP949.
BAD_BYTE_MARK, BAD_BYTE = "\x01", b"\xff"
BAD_VALUES = {
    layouts.UNREADABLE_AMOUNT: ["3만원", "1.2.3", "#VALUE!", "N/A"],
    layouts.UNREADABLE_DATE: ["어제", "20231345", "0000-00-00", "99/99/99"],
    layouts.UNKNOWN_CODE: ["ZZ", "?", "99"],
}


@dataclass(frozen=True)
class Dirt:
    """Dirty rows of a table, ascending: place, kind (a code in `kinds`), and a number that picks the bad value."""

    kinds: tuple[str, ...]
    place: np.ndarray
    kind: np.ndarray
    pick: np.ndarray

    @classmethod
    def none(cls, kinds: tuple[str, ...] = ()) -> Dirt:
        nothing = np.array([], dtype=np.int64)
        return cls(kinds, nothing, nothing, nothing)

    def is_of(self, kind: str) -> np.ndarray:
        """For each dirty row, whether it is spoiled in this way."""
        if kind not in self.kinds:
            return np.zeros(len(self.place), dtype=bool)
        return self.kind == self.kinds.index(kind)

    def of(self, kind: str) -> np.ndarray:
        return self.place[self.is_of(kind)]

    def within(self, first: int, last: int) -> Dirt:
        """The dirt of a slice of the table, by place in the slice."""
        some = slice(*np.searchsorted(self.place, [first, last]))
        return Dirt(self.kinds, self.place[some] - first, self.kind[some], self.pick[some])


def draw_dirt(day: np.ndarray, layout: Layout, generator: np.random.Generator) -> Dirt:
    """Rows of a table sorted by delivery day: about SHARE of a feed, at most LARGEST_SHARE of a file."""
    kinds = layout.kinds_of_dirt
    if not kinds or not len(day):
        return Dirt.none(kinds)
    _, file, rows = np.unique(day, return_inverse=True, return_counts=True)
    eligible = rows[file] >= SMALLEST_FILE
    share = min(SHARE * len(day) / max(eligible.sum(), 1), LARGEST_SHARE)
    place = np.flatnonzero(eligible & (generator.random(len(day)) < share))
    rank = np.arange(len(place)) - np.searchsorted(file[place], file[place], side="left")
    place = place[rank < np.floor(rows[file[place]] * LARGEST_SHARE)]
    return Dirt(kinds, place, generator.integers(0, len(kinds), len(place)), pick=place)


def spoil_columns(native: dict[str, pa.Array], dirt: Dirt, layout: Layout) -> dict[str, pa.Array]:
    """The native text columns with the bad values in place; truncation and duplication are done on whole lines."""
    spoiled = dict(native)
    for kind, column in layout.spoils.items():
        place = dirt.of(kind)
        if not len(place):
            continue
        name = layout.native_name(column)
        mask = np.zeros(len(spoiled[name]), dtype=bool)
        mask[place] = True
        old = spoiled[name].take(pa.array(place))
        if kind == layouts.UNDECODABLE:
            new = text.join(BAD_BYTE_MARK, pc.fill_null(old, ""))
        elif kind == layouts.MISSING_KEY:
            new = pa.nulls(len(place), pa.string())
        else:
            new = text.words(BAD_VALUES[kind], dirt.pick[dirt.is_of(kind)] % len(BAD_VALUES[kind]))
        spoiled[name] = pc.replace_with_mask(spoiled[name], pa.array(mask), new)
    return spoiled
