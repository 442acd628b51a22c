"""Whether texts and bytes hold a personal value: loosely in DuckDB and Arrow first, and what may hold one exactly.

One expression of all exact spellings of 20 persons is beyond what RE2 keeps in memory, and a hundred times slower. So
texts are squeezed first, which leaves one plain string of each value, or a few, to look for.
"""

import mmap
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, reduce
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.spellings import loose, loose_values, patterns, together, unsqueezed

_FEW = 50
"""Values up to which one expression finds them in text as it is written, ten times as quickly as it is squeezed."""

_CODE_OF_CHARACTER = r"\\u[0-9a-f]{4}"
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_WINDOW_BYTES = 1 << 20
_LONGEST_BYTES = 1024


class Matching:
    """The values that are searched for. None of its results shows one."""

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        known = {kind: list(some) for kind, some in values.items()}
        expressions = patterns(known)
        self._compiled = {kind: re.compile(expression) for kind, expression in expressions.items()}
        searched = {kind: known[kind] for kind in expressions}
        squeezed = loose_values(searched)
        self._loose = [_CODE_OF_CHARACTER, *together(map(re.escape, squeezed))]
        self._written = f"{unsqueezed(squeezed)}|{_CODE_OF_CHARACTER}" if len(squeezed) <= _FEW else None
        self._bytes = {
            kind: [value.encode(codec) for value in some for codec in ("utf-8", "cp949") if _has(value, codec)]
            for kind, some in searched.items()
        }
        self.kinds = lru_cache(maxsize=100_000)(self._kinds)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is searched for."""
        return not self._compiled

    def held(
        self, connection: duckdb.DuckDBPyConnection, rows: str, columns: list[str], text: str
    ) -> Iterator[tuple[Any, ...]]:
        """The SQL expressions `columns` of those `rows` whose expression `text` may hold a value."""
        chosen = ", ".join(f"{column} as column_{number}" for number, column in enumerate(columns))
        condition = ""
        if self._written:
            # As a variable it is a constant, which DuckDB compiles once; of a parameter it would do so again and again.
            connection.execute("set variable written = $written", {"written": self._written})
            condition = f"where regexp_matches({text}, getvariable('written'))"
        # DuckDB would squeeze a text once for each expression.
        batches = connection.execute(
            f"select {loose(text)} as squeezed, {chosen} from {rows} {condition}"
        ).fetch_record_batch(100_000)
        for batch in batches:
            may_hold = reduce(pc.or_, (pc.match_substring_regex(batch.column(0), one) for one in self._loose))
            found = batch.filter(may_hold)
            yield from zip(*(found.column(number).to_pylist() for number in range(1, found.num_columns)), strict=True)

    def held_texts(self, memory: duckdb.DuckDBPyConnection, texts: list[str]) -> list[int]:
        """The places in `texts` of those that may hold a value, in order."""
        memory.register("read", pa.table({"place": pa.array(range(len(texts))), "text": pa.array(texts, pa.string())}))
        return sorted(place for (place,) in self.held(memory, "read", ["place"], "text"))

    def _kinds(self, text: str) -> frozenset[str]:
        text = unicodedata.normalize("NFC", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
        return frozenset(kind for kind, expression in self._compiled.items() if expression.search(text))

    def kinds_in_bytes(self, content: mmap.mmap, but: set[str]) -> Iterator[str]:
        """The kinds, those in `but` left out, of which a value lies in `content` as it is."""
        searched = {kind: some for kind, some in self._bytes.items() if kind not in but and some}
        escaped = ["".join(f"\\x{byte:02x}" for byte in one) for some in searched.values() for one in some]
        present: set[bytes] = set()
        expressions = list(together(escaped))
        for start in range(0, len(content), _WINDOW_BYTES) if expressions else ():
            window = content[start : start + _WINDOW_BYTES + _LONGEST_BYTES]
            piece = pa.array([window], pa.binary())
            if any(pc.match_substring_regex(piece, expression)[0].as_py() for expression in expressions):
                present.update(one for some in searched.values() for one in some if one in window)
        for kind, some in searched.items():
            if any(one in present and _is_in(content, one) for one in some):
                yield kind


def _has(value: str, codec: str) -> bool:
    """Whether the bytes of `value` in `codec` are long enough to say something."""
    try:
        return len(value.encode(codec)) > 5
    except UnicodeEncodeError:
        return False


def _is_in(content: mmap.mmap, value: bytes) -> bool:
    """Whether `content` holds the value and no longer word or number."""
    place = content.find(value)
    while place >= 0:
        after = content[place + len(value) : place + len(value) + 1]
        before = content[max(place - 1, 0) : place]
        if not (_is_in_word(before, value[:1]) or _is_in_word(value[-1:], after)):
            return True
        place = content.find(value, place + 1)
    return False


def _is_in_word(one: bytes, other: bytes) -> bool:
    return one.isalnum() and other.isalnum()
