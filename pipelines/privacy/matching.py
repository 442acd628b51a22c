"""Whether texts and bytes hold a personal value: loosely in DuckDB and Arrow first, and what may hold one exactly.

One expression of all exact spellings of 20 persons is beyond what RE2 keeps in memory, and a hundred times slower. So
texts are squeezed first, which leaves one plain string of each value, or a few, to look for.
"""

import mmap
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, reduce
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.connections import literal
from pipelines.privacy.spellings import loose, loose_values, patterns, phone_digits, squeezed, together, unsqueezed

_FEW = 50
"""Values up to which one expression finds them in text as it is written, which need not be squeezed then."""

_HASH = "[0-9a-f]{32}"
_OTHER_LETTERS = "[^\\x01-\\x7e가-힣]"
_NUMBER = re.compile("U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DECIMAL\\([0-9]+,[0-9]+\\)")
_NEVER_HOLD = ("BOOLEAN", "FLOAT", "DOUBLE", "TIMESTAMP", "TIME", "INTERVAL")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CODE_OF_CHARACTER = r"\\u[0-9a-f]{4}"
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_WINDOW_BYTES = 1 << 20
_LONGEST_BYTES = 1024
_WINDOW_CHARACTERS = 1 << 13
_LONGEST = 512


def can_hold(data_type: str) -> bool:
    """Whether a column of this type in DuckDB is searched: what is approximate, or an instant, is nobody's."""
    return not data_type.startswith(_NEVER_HOLD)


class Matching:
    """The values that are searched for. None of its results shows one."""

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        known = {kind: list(some) for kind, some in values.items()}
        expressions = patterns(known)
        self._compiled = {kind: re.compile(expression) for kind, expression in expressions.items()}
        searched = {kind: known[kind] for kind in expressions}
        strings = loose_values(searched)
        self._strings = list(together(map(re.escape, strings)))
        # Of many values no expression is quick enough: Arrow looks through the squeezed text of every row.
        self._within = None
        if len(strings) <= _FEW:
            self._within = f"(?is).*?(?:{unsqueezed(strings)}|{_OTHER_LETTERS}|{_CODE_OF_CHARACTER}).*"
        self._kinds_of_hashes = {
            value: frozenset(kind for kind, others in searched.items() if value in others)
            for some in searched.values()
            for value in some
            if re.fullmatch(_HASH, value)
        }
        digits = {value for kind, some in searched.items() if kind != "phone" for value in loose_values({kind: some})}
        digits |= set(phone_digits(searched.get("phone", ())))
        self._numbers = sorted(value for value in digits if re.fullmatch("[1-9][0-9]*", value))
        self._dates = sorted(value for value in searched.get("birth_date", ()) if _DATE.fullmatch(value))
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
        self,
        connection: duckdb.DuckDBPyConnection,
        rows: str,
        columns: list[str],
        texts: Mapping[str, str],
    ) -> Iterator[tuple[Any, ...]]:
        """The SQL expressions `columns` of those `rows` of which one of `texts` may hold a value.

        `texts` maps expressions to their types in DuckDB, which are such as can hold one.
        """
        may_hold = {
            text: condition for text, data_type in texts.items() if (condition := self._may_hold(text, data_type))
        }
        if not may_hold:
            return
        if self._within:
            # As a variable it is a constant, which DuckDB compiles once; a parameter it would compile again and again.
            connection.execute("set variable within = $within", {"within": self._within})
        chosen = ", ".join(f"{column} as column_{number}" for number, column in enumerate(columns))
        # What no value has in it keeps the texts apart.
        held = ", ".join(f"case when {condition} then {text}::varchar end" for text, condition in may_hold.items())
        # DuckDB would squeeze a text once for each expression.
        batches = connection.execute(
            f"select {loose(f'concat_ws(chr(1), {held})')} as squeezed, {chosen} from {rows} "
            f"where {' or '.join(may_hold.values())}"
        ).fetch_record_batch(100_000)
        expressions = [_CODE_OF_CHARACTER, *self._strings]
        # DuckDB makes the next rows while Arrow looks through those it has made.
        with ThreadPoolExecutor(1) as pool:
            looked_through: deque[Future[pa.RecordBatch]] = deque()
            for batch in batches:
                looked_through.append(pool.submit(_held_rows, batch, expressions))
                if len(looked_through) > 1:
                    yield from _without_squeezed(looked_through.popleft().result())
            for rest in looked_through:
                yield from _without_squeezed(rest.result())

    def _may_hold(self, text: str, data_type: str) -> str | None:
        """The condition under which an expression of the type may hold a value; None where it never does.

        Full matches alone: DuckDB works those out once for each entry of a column's dictionary, searches for each row.
        """
        if _NUMBER.fullmatch(data_type):
            return f"floor(abs({text}::double)) in ({', '.join(self._numbers)})" if self._numbers else None
        if data_type == "DATE":
            return f"{text} in ({', '.join(map(literal, self._dates))})" if self._dates else None
        if self._within:
            return f"regexp_full_match({text}::varchar, getvariable('within'))"
        # The text of a hash is somebody's whole or nobody's, and most of a row's bytes.
        hashes = ", ".join(map(literal, self._kinds_of_hashes)) or "null"
        return f"(not regexp_full_match({text}::varchar, '{_HASH}') or {text}::varchar in ({hashes}))"

    def held_texts(self, memory: duckdb.DuckDBPyConnection, texts: list[str]) -> list[int]:
        """The places in `texts` of those that may hold a value, in order."""
        memory.register("read", pa.table({"place": pa.array(range(len(texts))), "text": pa.array(texts, pa.string())}))
        return sorted(place for (place,) in self.held(memory, "read", ["place"], {"text": "VARCHAR"}))

    def _kinds(self, text: str) -> frozenset[str]:
        if re.fullmatch(_HASH, text):
            # Digits between letters of a hash are no number.
            return self._kinds_of_hashes.get(text, frozenset())
        text = unicodedata.normalize("NFC", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
        places = self._windows(text)
        return frozenset(
            kind
            for kind, expression in self._compiled.items()
            if any(_is_found(expression, text, start, end) for start, end in places)
        )

    def _windows(self, text: str) -> list[tuple[int, int]]:
        """The parts of `text`, from and to, that may hold a value: a line of a megabyte takes seconds as a whole."""
        if len(text) <= _WINDOW_CHARACTERS or not self._strings:
            return [(0, len(text))]
        ends = [
            (start, min(start + _WINDOW_CHARACTERS + _LONGEST, len(text)))
            for start in range(0, len(text), _WINDOW_CHARACTERS)
        ]
        # What is half of a character is none that Arrow takes.
        read = [squeezed(text[start:end]).encode("utf-8", "replace").decode() for start, end in ends]
        may_hold = _matches(pa.array(read, pa.string()), self._strings)
        return [place for place, one in zip(ends, may_hold.to_pylist(), strict=True) if one]

    def kinds_in_bytes(self, content: mmap.mmap, but: set[str], threads: int) -> Iterator[str]:
        """The kinds, those in `but` left out, of which a value lies in `content` as it is; looked for by `threads`."""
        searched = {kind: some for kind, some in self._bytes.items() if kind not in but and some}
        wanted = [one for some in searched.values() for one in some]
        expressions = list(together("".join(f"\\x{byte:02x}" for byte in one) for one in wanted))

        def present(start: int) -> list[bytes]:
            window = content[start : start + _WINDOW_BYTES + _LONGEST_BYTES]
            piece = pa.array([window], pa.binary())
            if any(pc.match_substring_regex(piece, expression)[0].as_py() for expression in expressions):
                return [one for one in wanted if one in window]
            return []

        if not expressions:
            return
        with ThreadPoolExecutor(threads) as pool:
            found = {one for some in pool.map(present, range(0, len(content), _WINDOW_BYTES)) for one in some}
        for kind, some in searched.items():
            if any(one in found and _is_in(content, one) for one in some):
                yield kind


def _matches(texts: pa.Array, expressions: Iterable[str]) -> pa.Array:
    """Which of `texts` one of `expressions` is found in."""
    return reduce(pc.or_, (pc.match_substring_regex(texts, one) for one in expressions))


def _held_rows(batch: pa.RecordBatch, expressions: list[str]) -> pa.RecordBatch:
    """The rows whose first column, which is squeezed, one of the expressions is found in."""
    return batch.filter(_matches(batch.column(0), expressions))


def _without_squeezed(rows: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The values of all but the first column, row by row."""
    return zip(*(rows.column(number).to_pylist() for number in range(1, rows.num_columns)), strict=True)


def _is_found(expression: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Whether it is found between two places; what only ends there because the rest is left out does not count."""
    return any(found.end() < end or end == len(text) for found in expression.finditer(text, start, end))


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
