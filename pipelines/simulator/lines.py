"""Transaction lines as arrays: one form for purchases, returns, debits and adjustments, which are drawn elsewhere."""

from __future__ import annotations

import numpy as np

from pipelines.simulator.text import MISSING

# Column and the value that stands for "none"; every line has a record, a day, a second, a type, a role, an amount.
DEFAULTS = {
    "record": -1,
    "contract": -1,
    "product": -1,
    "branch": -1,
    "second": 0,
    "type": -1,
    "role": -1,
    "initiator": -1,
    "channel": -1,
    "quantity": MISSING,
    "amount": 0,
    "discount": MISSING,
    "margin": MISSING,
    "response": -1,
}
Lines = dict[str, np.ndarray]


def lines(day: np.ndarray, **columns: np.ndarray | int) -> Lines:
    """Lines on the given days; columns that are not named hold their default."""
    unknown = columns.keys() - DEFAULTS.keys()
    if unknown:
        raise ValueError(f"No such column of a transaction line: {sorted(unknown)}.")
    filled = {
        name: np.broadcast_to(np.asarray(columns.get(name, default), dtype=np.int64), len(day))
        for name, default in DEFAULTS.items()
    }
    return {"day": day, **filled}


def chosen(of: Lines, places: np.ndarray) -> Lines:
    return {name: values[places] for name, values in of.items()}


def joined(parts: list[Lines]) -> Lines:
    """All parts, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def in_order(of: Lines) -> Lines:
    """Sorted by day and second; ties keep their order, so lines of a basket stay together."""
    return chosen(of, np.lexsort((of["second"], of["day"])))
