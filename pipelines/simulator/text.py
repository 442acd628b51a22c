"""Columns as text, by Arrow kernels only: numbers, days, instants, words chosen by code.

Nothing here knows a feed. Null stays null; files.py decides how a null is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Marks "no value" in integer columns, which have no null of their own.
MISSING = np.iinfo(np.int64).min


def whole(values: np.ndarray, width: int = 0, prefix: str = "") -> pa.Array:
    """Whole numbers as text, padded with zeros to `width`; MISSING becomes null."""
    values = np.asarray(values, dtype=np.int64)
    digits = pc.cast(pa.array(values, mask=values == MISSING), pa.string())
    if width:
        digits = pc.utf8_lpad(digits, width, "0")
    return join(prefix, digits) if prefix else digits


def words(vocabulary: Sequence[str | None] | pa.Array, codes: np.ndarray) -> pa.Array:
    """The word of each code; a negative code becomes null."""
    codes = np.asarray(codes, dtype=np.int64)
    if not isinstance(vocabulary, pa.Array):
        vocabulary = pa.array(vocabulary, pa.string())
    return vocabulary.take(pa.array(codes, mask=codes < 0))


def join(*parts: pa.Array | str) -> pa.Array:
    """Parts side by side, without separator; null where any part is null."""
    return pc.binary_join_element_wise(*[_scalar(part) for part in parts], "")


def days(values: np.ndarray, pattern: str = "%Y-%m-%d") -> pa.Array:
    """Days as text in year-month-day order with the separator of the strptime pattern; NaT becomes null."""
    separator = "" if pattern[2] == "%" else pattern[2]
    known = ~np.isnat(values)
    if not known.any():
        return pa.nulls(len(values), pa.string())
    first, last = values[known].min(), values[known].max()
    vocabulary = pa.array(np.datetime_as_string(np.arange(first, last + 1)).tolist())
    vocabulary = pc.replace_substring(vocabulary, "-", separator)
    codes = np.where(known, (values - first).astype(np.int64), -1)
    return words(vocabulary, codes)


def instants(values: np.ndarray, separator: str = " ") -> pa.Array:
    """Local instants (datetime64[s]) as YYYY-MM-DD<separator>HH:MM:SS; NaT becomes null."""
    day = values.astype("datetime64[D]")
    second = np.where(np.isnat(values), -1, (values - day.astype("datetime64[s]")).astype(np.int64))
    return join(days(day), separator, words(_clock(), second))


def pick(mask: np.ndarray, when_true: pa.Array | str | None, when_false: pa.Array | str | None) -> pa.Array:
    """Element by element, one text or the other."""
    return pc.if_else(pa.array(mask), _scalar(when_true), _scalar(when_false))


def _scalar(part: pa.Array | str | None) -> pa.Array | pa.Scalar:
    return pa.scalar(part, pa.string()) if part is None or isinstance(part, str) else part


@cache
def _clock() -> pa.Array:
    midnight = np.datetime64("2000-01-01T00:00:00")
    return pc.utf8_slice_codeunits(
        pa.array(np.datetime_as_string(midnight + np.arange(86_400)).tolist()), start=11, stop=19
    )
