"""Whether texts and bytes hold a personal value: loosely and all at once first, and what may hold one exactly.

Exact spellings are expressions, of which a machine tries a thousand one by one. So texts are squeezed first, which
leaves one plain string of each value, or a few, to look for (`plain_strings.py`).
"""

import mmap
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.connections import literal
from pipelines.person.plain_strings import ESCAPE, PlainStrings
from pipelines.person.spellings import END, loose_values, patterns, phone_digits, squeezed, unsqueezed

_FEW = 50
"""Strings up to which one expression finds them in text as it is written."""

_OTHER_LETTERS = "[^\\x01-\\x7e가-힣]"
_CODE_OF_CHARACTER = r"\\u[0-9a-f]{4}"
_HASH = re.compile("[0-9a-f]{32}")
_NUMBER = re.compile("U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DECIMAL\\([0-9]+,[0-9]+\\)")
_NEVER_HOLD = ("BOOLEAN", "FLOAT", "DOUBLE", "TIMESTAMP", "TIME", "INTERVAL")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_WINDOW_BYTES = 1 << 22
_LONGEST_BYTES = 1024
_WINDOW_CHARACTERS = 1 << 13
_LONGEST = 512

Value = tuple[str, str]
"""A kind, as `Person.values` has it, and a value of it."""


def can_hold(data_type: str) -> bool:
    """Whether a column of this type in DuckDB is searched: what is approximate, or an instant, is nobody's."""
    return not data_type.startswith(_NEVER_HOLD)


class Matching:
    """The values that are searched for. Of its results only `values` and `held` show one."""

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        # Squeezed string -> the values that leave it, with the expression of their spellings.
        told: dict[bytes, list[tuple[Value, str]]] = {}
        written: dict[bytes, set[str]] = {}
        self._hashes: dict[str, frozenset[Value]] = {}
        numbers: set[str] = set()
        dates: set[str] = set()
        for kind, value in ((kind, value) for kind, some in values.items() for value in some):
            expression = patterns({kind: [value]}).get(kind)
            if expression is None:
                continue
            strings = loose_values({kind: [value]})
            for string in strings:
                told.setdefault(string.encode(), []).append(((kind, value), expression))
            for content in _long_bytes(value):
                written.setdefault(content, set()).add(kind)
            if _HASH.fullmatch(value):
                self._hashes[value] = self._hashes.get(value, frozenset()) | {(kind, value)}
            if kind == "birth_date" and _DATE.fullmatch(value):
                dates.add(value)
            numbers.update(phone_digits([value]) if kind == "phone" else strings)
        self._loose = PlainStrings([*told, ESCAPE] if told else [])
        self._told = list(told.values())
        self._within = None
        if len(told) <= _FEW:
            within = unsqueezed(string.decode() for string in told)
            self._within = f"(?is).*?(?:{within}|{_OTHER_LETTERS}|{_CODE_OF_CHARACTER}).*"
        self._bytes = PlainStrings(written)
        self._kinds_of_bytes = list(written.values())
        self._numbers = ", ".join(sorted(value for value in numbers if re.fullmatch("[1-9][0-9]*", value)))
        self._dates = ", ".join(map(literal, sorted(dates)))
        self.values = lru_cache(maxsize=100_000)(self._values)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is searched for."""
        return not self._told

    def held(
        self, connection: duckdb.DuckDBPyConnection, rows: str, texts: Mapping[str, str], of: str = "null"
    ) -> Iterator[tuple[Any, int, str]]:
        """All of the `texts` of `rows` that may hold a value: the row's `of`, the text's place among `texts`, and it.

        `of` and `texts` are SQL expressions; `texts` maps them to their types in DuckDB, which are such as can hold a
        value.
        """
        may_hold = {
            place: condition for place, item in enumerate(texts.items()) if (condition := self._may_hold(*item))
        }
        if self.is_empty or not may_hold:
            return
        if self._within:
            # As a variable it is a constant, which DuckDB compiles once; a parameter it would compile again and again.
            connection.execute("set variable within = $within", {"within": self._within})
        expressions = list(texts)
        columns = ", ".join(
            f"case when {condition} then {expressions[place]}::varchar else '' end || chr({ord(END)}) as text_{place}"
            for place, condition in may_hold.items()
        )
        batches = connection.execute(
            f"select {of} as row_of, {columns} from {rows} where {' or '.join(may_hold.values())}"
        ).fetch_record_batch(100_000)
        places = list(may_hold)
        # DuckDB makes the next rows while those that it has made are looked through.
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[list[tuple[Any, int, str]]]] = deque()
            for batch in batches:
                waiting.append(pool.submit(self._held, batch, places))
                if len(waiting) > 1:
                    yield from waiting.popleft().result()
            for rest in waiting:
                yield from rest.result()

    def _may_hold(self, text: str, data_type: str) -> str | None:
        """The condition under which an expression of the type may hold a value; None where it never does.

        A full match, which DuckDB works out once for each entry of a column's dictionary, a search for each row. Of
        many values no expression is quick enough.
        """
        if _NUMBER.fullmatch(data_type):
            return f"floor(abs({text}::double)) in ({self._numbers})" if self._numbers else None
        if data_type == "DATE":
            return f"{text} in ({self._dates})" if self._dates else None
        return f"regexp_full_match({text}::varchar, getvariable('within'))" if self._within else f"{text} is not null"

    def _held(self, batch: pa.RecordBatch, places: list[int]) -> list[tuple[Any, int, str]]:
        held: list[tuple[Any, int, str]] = []
        for place, texts in zip(places, batch.columns[1:], strict=True):
            rows = pa.array(self._loose.rows(texts))
            held += (
                (row_of, place, text.removesuffix(END))
                for row_of, text in zip(
                    batch.column(0).take(rows).to_pylist(), texts.take(rows).to_pylist(), strict=True
                )
            )
        return held

    def held_texts(self, texts: list[str]) -> list[int]:
        """The places in `texts` of those that may hold a value, in order."""
        ended = pa.array([text + END for text in texts], pa.large_string())
        return self._loose.rows(ended).tolist()

    def kinds(self, text: str) -> frozenset[str]:
        """The kinds of the values that `text` holds."""
        return frozenset(kind for kind, _ in self.values(text))

    def _values(self, text: str) -> frozenset[Value]:
        """The values that `text` holds in one of their spellings."""
        if _HASH.fullmatch(text):
            # Digits between letters of a hash are no number.
            return self._hashes.get(text, frozenset())
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        if _HALF_A_CHARACTER.search(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        text = unicodedata.normalize("NFC", text)
        found: set[Value] = set()
        # A line of a megabyte takes a second as a whole.
        for start in range(0, len(text), _WINDOW_CHARACTERS):
            end = min(start + _WINDOW_CHARACTERS + _LONGEST, len(text))
            loosely = self._loose.found(squeezed(text[start:end]).encode())
            for place in {place for place, *_ in loosely if place < len(self._told)}:
                found.update(
                    value
                    for value, expression in self._told[place]
                    if value not in found and _is_found(_compiled(expression), text, start, end)
                )
        return frozenset(found)

    def kinds_in_bytes(self, content: mmap.mmap, but: set[str], threads: int) -> frozenset[str]:
        """The kinds, but those in `but`, of which a value lies in `content` as it is; looked for by `threads`."""

        def in_window(start: int) -> set[str]:
            window = content[start : start + _WINDOW_BYTES + _LONGEST_BYTES]
            return {
                kind
                for place, begin, end in self._bytes.found(window)
                if _is_whole(content, start + begin, start + end)
                for kind in self._kinds_of_bytes[place]
            }

        with ThreadPoolExecutor(threads) as pool:
            found = frozenset().union(*pool.map(in_window, range(0, len(content), _WINDOW_BYTES)))
        return found - but


@lru_cache(maxsize=10_000)
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _is_found(expression: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Whether it is found between two places; what only ends there because the rest is left out does not count."""
    return any(found.end() < end or end == len(text) for found in expression.finditer(text, start, end))


def _long_bytes(value: str) -> set[bytes]:
    """`value` in each codec in which it is long enough to say something."""
    found = set()
    for codec in ("utf-8", "cp949"):
        try:
            content = value.encode(codec)
        except UnicodeEncodeError:
            continue
        if len(content) > 5:
            found.add(content)
    return found


def _is_whole(content: mmap.mmap, begin: int, end: int) -> bool:
    """Whether what lies in `content` there is no part of a longer word or number."""
    before, after = content[max(begin - 1, 0) : begin], content[end : end + 1]
    return not (_is_in_word(before, content[begin : begin + 1]) or _is_in_word(content[end - 1 : end], after))


def _is_in_word(one: bytes, other: bytes) -> bool:
    return one.isalnum() and other.isalnum()
