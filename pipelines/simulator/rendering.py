"""Turns a drawn table into native text: one Arrow string per row, for CSV and for nested JSON Lines."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import text
from pipelines.simulator.layouts import Field, Layout

Values: TypeAlias = "np.ndarray | pa.Array"


def native_columns(table: dict[str, Values], layout: Layout) -> dict[str, pa.Array]:
    """Text by native header, with native codes and dates."""
    return {one.native: _as_text(table[one.drawn], one) for one in layout.fields}


def number_columns(table: dict[str, Values], layout: Layout) -> set[str]:
    """Native names of the columns that JSON writes without quotes."""
    return {one.native for one in layout.fields if _is_number(table[one.drawn])}


def translate(values: pa.Array, codes: dict[str, str]) -> pa.Array:
    """Contract words as native codes; a word without a code is an error, null stays null."""
    place = pc.index_in(values, value_set=pa.array(list(codes)))
    if place.null_count != values.null_count:
        raise ValueError(f"A word has no native code; known are {list(codes)}.")
    return pa.array(list(codes.values())).take(place)


def csv_header(layout: Layout) -> str:
    return ",".join(one.native for one in layout.fields) + "\n"


def csv_lines(native: dict[str, pa.Array], layout: Layout, columns: int | None = None) -> pa.Array:
    """One line per row with its line end; with `columns` only that many columns, as a line that was cut."""
    quoted = {one.native for one in layout.fields if one.is_quoted}
    names = list(native)[:columns]
    cells = [_quote(native[name]) if name in quoted else native[name] for name in names]
    line = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    return text.join(line, "\n")


def json_lines(native: dict[str, pa.Array], numbers: set[str], columns: int | None = None) -> pa.Array:
    """One object per row, nested by the dots of the native names; with `columns` cut after that many values."""
    names = list(native)
    parts: list[pa.Array | str] = ["{"]
    open_group = ""
    for place, name in enumerate(names[:columns]):
        group, leaf = name.split(".")
        if group != open_group:
            parts.append(f'{"}, " if open_group else ""}"{group}": {{')
            open_group = group
        elif place:
            parts.append(", ")
        cell = native[name] if name in numbers else _quote(native[name])
        parts += [f'"{leaf}": ', pc.fill_null(cell, "null")]
    parts.append("}}\n" if columns is None else "\n")
    return text.join(*parts)


def _quote(cells: pa.Array) -> pa.Array:
    """Quoted where there is a value; the drawn texts hold no quotes themselves."""
    return text.join('"', cells, '"')


def _is_number(values: Values) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in "iu"


def _as_text(values: Values, one: Field) -> pa.Array:
    if isinstance(values, pa.Array):
        return translate(values, dict(one.codes)) if one.codes else values
    if values.dtype == np.dtype("datetime64[D]"):
        return text.days(values, one.pattern or "%Y-%m-%d")
    if values.dtype == np.dtype("datetime64[s]"):
        return text.instants(values, one.pattern[8])
    return text.whole(values)
