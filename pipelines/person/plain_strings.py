"""Looks for many plain strings at once, by an automaton of Aho and Corasick, in bytes and in columns of text.

A thousand strings are found in one pass at hundreds of megabytes a second, a dozen of them by the processor's vector
instructions at gigabytes. Both cores can look, because the library lets other threads of Python run.
"""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from pipelines.person.spellings import END, squeezed_content

ESCAPE = b"\\u"
"""Begins a character that JSON has written in ASCII. Which character it is shows only when the JSON is read."""

_ESCAPED = re.compile(rb"\\u[^%b]*" % END.encode())
_STRINGS_OF_TABLE = 20_000
"""Up to this many strings the automaton is a table. It is three times as quick, and takes some kilobytes a string."""


class PlainStrings:
    """The strings that are looked for, none of them empty. A result names a string by its place among them."""

    def __init__(self, strings: Iterable[bytes]) -> None:
        wanted = list(strings)
        self._is_empty = not wanted
        implementation = Implementation.DFA if len(wanted) <= _STRINGS_OF_TABLE else None
        # Here a match hides the matches within it. That is quicker, and enough to know whether there is any match.
        self._any = BytesAhoCorasick(wanted, MatchKind.LeftmostFirst, implementation)
        self._every = BytesAhoCorasick(wanted, MatchKind.Standard, implementation)

    def found(self, content: bytes) -> list[tuple[int, int, int]]:
        """Every string in `content`, also within others: its place among the strings, where it begins and ends."""
        if self._is_empty or not self._any.find_matches_as_indexes(content):
            return []
        return self._every.find_matches_as_indexes(content, overlapping=True)

    def rows(self, texts: pa.Array) -> npt.NDArray[np.intp]:
        """The places of the `texts` that hold one of the strings when they are squeezed. END stands after each text."""
        if self._is_empty or not len(texts):
            return np.empty(0, np.intp)
        content = _content(texts)
        if content.count(END.encode()) != len(texts):
            kept_apart = [text.removesuffix(END).replace(END, "\0") + END for text in texts.to_pylist()]
            return self.rows(pa.array(kept_apart, texts.type))
        # A text may have thousands of escaped characters, and one of them is enough.
        content = _ESCAPED.sub(lambda _: ESCAPE, squeezed_content(content))
        if not (found := self._any.find_matches_as_indexes(content)):
            return np.empty(0, np.intp)
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord(END))
        return np.unique(np.searchsorted(ends, [begin for _, begin, _ in found]))


def _content(texts: pa.Array) -> bytes:
    """The UTF-8 of all texts, one after the other."""
    _, offsets, content = texts.buffers()
    if content is None:
        return b""
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    places = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1]
    return content[int(places[0]) : int(places[-1])].to_pybytes()
