"""Searches a folder, decoded, for personal values: every table, Parquet file, packed or plain text; tells places alone.

What counts as a hit is one of a value's spellings (`spellings.py`), whole: a telephone number that is part of a longer
one is none, nor is a Latin name within a word. Names of two letters, customer numbers of under SHORTEST_KEY characters
and telephone numbers of under seven digits are not searched for: they are found everywhere. A value that many people
have, such as a common name or a date of birth, is found wherever any of them is: leave it out, or read the places.
"""

import gzip
import mmap
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import duckdb

from pipelines.connections import connected, exact_name, identifier, literal
from pipelines.person.matching import Matching, can_hold
from pipelines.settings import Settings
from pipelines.sources.parquet_landing import parquet_schema

_CHUNK_BYTES = 16 << 20
# The virtual column of a Parquet file's place among those that are read; a column of this name hides it.
_PLACE_OF_FILE = "file_index"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

Values = Mapping[str, Iterable[str]]
"""Kind -> values, as `Person.values` has them."""


@dataclass(frozen=True, order=True)
class Hit:
    """Where a value of a kind was found: `count` rows or lines of a file, which is relative to the folder.

    `place` is `schema.table.column`, a Parquet file's column, or the first line, in what is packed after its name; or
    `bytes` where a database file holds the value outside its tables, such as in blocks that are no longer used.
    """

    file: str
    place: str
    kind: str
    count: int


Clean = dict[Path, tuple[int, int, int]]
"""Files in which a search found nothing -> inode, size in bytes and time of change in ns that they had then."""


def search(
    settings: Settings,
    folder: Path,
    values: Values,
    skip: Iterable[Path] = (),
    clean: Clean | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Hit]:
    """The hits in all files under `folder` but those in the folders `skip`, in order; `progress` hears what is read.

    A file that is as `clean` has it is not read again; those, databases apart, in which this search finds nothing are
    added to it, so it is good for the same values alone. Raises LockedError where another process writes to a database.
    This process may have none of them open.
    """
    with connected(settings, None) as memory:
        found = _Search(settings, folder, values, memory, progress)
        return found.in_folder(frozenset(skip), {} if clean is None else clean)


class _Search:
    """One search; it holds the values, which none of its results shows. What lies in files is read by `memory`."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        values: Values,
        memory: duckdb.DuckDBPyConnection,
        progress: Callable[[str], None],
    ) -> None:
        self.settings, self.folder, self.memory, self.progress = settings, folder, memory, progress
        self.matching = Matching(values)

        # Path, member, reading, lines before, lines.
        self.waiting: list[tuple[Path, str, int, int, list[str]]] = []
        self.waiting_bytes = 0
        self.counts: Counter[tuple[Path, str, str, int]] = Counter()
        self.first_lines: dict[tuple[Path, str, str], int] = {}

    def in_folder(self, skip: frozenset[Path], clean: Clean) -> list[Hit]:
        """The hits in the folder's files, in order; fills `clean`."""
        if self.matching.is_empty:
            return []
        read: Clean = {}
        hits: list[Hit] = []
        parquet: dict[str, list[Path]] = {}
        # A kept version is the published file under another name: one file, read once.
        first_names: dict[tuple[int, int], Path] = {}
        other_names: list[tuple[Path, Path]] = []
        for path in sorted(self.folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or not skip.isdisjoint(path.parents):
                continue
            status = path.stat()
            as_it_is = (status.st_ino, status.st_size, status.st_mtime_ns)
            if clean.get(path) == as_it_is:
                continue
            first_name = first_names.setdefault((status.st_dev, status.st_ino), path)
            if first_name != path:
                other_names.append((path, first_name))
                continue
            with path.open("rb") as file:
                head = file.read(16)
            if head[8:12] == b"DUCK":
                self.progress(f"searching {path.relative_to(self.folder)}")
                hits += self._in_database(path, self._in_duckdb(path))
            elif head == b"SQLite format 3\0":
                hits += self._in_database(path, self._in_sqlite(path))
            elif head[:4] == b"PAR1":
                read[path] = as_it_is
                parquet.setdefault(parquet_schema(path), []).append(path)
            else:
                read[path] = as_it_is
                with path.open("rb") as file:
                    self._read_file(path, file, head)
        for number, files in enumerate(parquet.values(), start=1):
            self.progress(f"searching Parquet files, kind {number} of {len(parquet)}")
            hits += self._in_parquet(files)
        hits += self._in_lines()
        hits += [
            self._hit(path, hit.place, hit.kind, hit.count)
            for path, first_name in other_names
            for hit in hits
            if self.folder / hit.file == first_name
        ]
        found = {self.folder / hit.file for hit in hits}
        clean |= {path: as_it_is for path, as_it_is in read.items() if path not in found}
        return sorted(hits)

    def _hit(self, path: Path, place: str, kind: str, count: int) -> Hit:
        return Hit(path.relative_to(self.folder).as_posix(), place, kind, count)

    def _in_database(self, path: Path, in_tables: list[Hit]) -> list[Hit]:
        """`in_tables`, and the kinds that lie in the file's bytes though no table holds them any more."""
        found = {hit.kind for hit in in_tables}
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            kinds = self.matching.kinds_in_bytes(content, found, self.settings.threads)
            stray = [self._hit(path, "bytes", kind, 1) for kind in sorted(kinds)]
        return in_tables + stray

    def _in_duckdb(self, path: Path) -> list[Hit]:
        hits: list[Hit] = []
        with connected(self.settings, path, read_only=True) as database:
            columns = database.execute(
                "select schema_name, table_name, list((column_name, data_type) order by column_index) "
                "from duckdb_columns() where database_name = current_database() and not internal "
                "and table_name in (select table_name from duckdb_tables()) group by all order by all"
            ).fetchall()
            for schema, table, typed in columns:
                counts = self._count(database, identifier(schema, table), dict(typed))
                hits += [
                    self._hit(path, f"{schema}.{table}.{name}", kind, count)
                    for (_, name, kind), count in counts.items()
                ]
        return hits

    def _in_parquet(self, files: list[Path]) -> list[Hit]:
        names = ", ".join(literal(exact_name(file)) for file in files)
        rows = f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"
        read = self.memory.sql(f"from {rows}")
        types = dict(zip(read.columns, map(str, read.types), strict=True))
        is_named_so = _PLACE_OF_FILE in (name.lower() for name in types)
        if is_named_so and len(files) > 1:
            return [hit for file in files for hit in self._in_parquet([file])]
        counts = self._count(self.memory, rows, types, "0" if is_named_so else _PLACE_OF_FILE)
        return [self._hit(files[place], name, kind, count) for (place, name, kind), count in counts.items()]

    def _count(
        self, connection: duckdb.DuckDBPyConnection, rows: str, types: dict[str, str], of: str = "null"
    ) -> Counter[tuple[Any, str, str]]:
        """(file, column, kind) -> how many of `rows` hold a value of the kind; `of` is the expression of the file.

        `types` maps the columns to their types in DuckDB.
        """
        counts: Counter[tuple[Any, str, str]] = Counter()
        names = [name for name, data_type in types.items() if can_hold(data_type)]
        for file, place, text in self.matching.held(
            connection, rows, {identifier(name): types[name] for name in names}, of
        ):
            counts.update((file, names[place], kind) for kind in self.matching.kinds(text))
        return counts

    def _in_sqlite(self, path: Path) -> list[Hit]:
        matching, hits = self.matching, Counter[tuple[str, str]]()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            tables = [
                name.decode() for (name,) in database.execute("select name from sqlite_master where type = 'table'")
            ]
            for table in tables:
                rows = database.execute(f"select * from {identifier(table)}")
                names = [column[0] for column in rows.description]
                while some := rows.fetchmany(10_000):
                    read = [
                        (name, number, "\n".join(lines))
                        for number, row in enumerate(some)
                        for name, value in zip(names, row, strict=True)
                        if isinstance(value, bytes)
                        for lines in _readings(_unpacked(value))
                    ]
                    held = [read[place] for place in matching.held_texts([text for *_, text in read])]
                    in_rows = {
                        (name, number, kind) for name, number, text in held for kind in self.matching.kinds(text)
                    }
                    hits.update((f"{table}.{name}", kind) for name, _, kind in in_rows)
        return [self._hit(path, place, kind, count) for (place, kind), count in hits.items()]

    def _read_file(self, path: Path, file: IO[bytes], head: bytes) -> None:
        if head[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                self._read_text(path, "", cast("IO[bytes]", unpacked))
        elif head[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(file) as packed:
                for name in packed.namelist():
                    with packed.open(name) as one:
                        self._read_text(path, f"{name} ", one)
        elif head[:2] in _UTF_16:
            self._read_text(path, "", BytesIO(file.read().decode("utf-16", "replace").encode()))
        else:
            self._read_text(path, "", file)

    def _read_text(self, path: Path, member: str, file: IO[bytes]) -> None:
        """Put the lines with those that wait: a search of its own would cost each file 8 ms."""
        before = 0
        for chunk in _chunks(file):
            for reading, lines in enumerate(_readings(chunk)):
                self.waiting.append((path, member, reading, before, lines))
            self.waiting_bytes += len(chunk)
            if self.waiting_bytes >= _CHUNK_BYTES:
                self._search_lines()
            before += chunk.count(b"\n")

    def _search_lines(self) -> None:
        if not self.waiting:
            return
        places = [(piece, place) for piece, (*_, lines) in enumerate(self.waiting) for place in range(len(lines))]
        for number in self.matching.held_texts([line for *_, lines in self.waiting for line in lines]):
            piece, place = places[number]
            path, member, reading, before, lines = self.waiting[piece]
            for kind in self.matching.kinds(lines[place]):
                self.counts[path, member, kind, reading] += 1
                self.first_lines.setdefault((path, member, kind), before + place + 1)
        self.waiting, self.waiting_bytes = [], 0

    def _in_lines(self) -> list[Hit]:
        """The hits in all that was read as text; of several readings of a file the one that finds most."""
        self._search_lines()
        counts: Counter[tuple[Path, str, str]] = Counter()
        for (path, member, kind, _), count in self.counts.items():
            counts[path, member, kind] = max(counts[path, member, kind], count)
        return [
            self._hit(path, f"{member}line {self.first_lines[path, member, kind]}", kind, count)
            for (path, member, kind), count in counts.items()
        ]


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The file in pieces that end with a line, where it has lines."""
    rest = b""
    while piece := file.read(_CHUNK_BYTES):
        whole, end, rest_of_piece = piece.rpartition(b"\n")
        if end:
            yield rest + whole + end
            rest = rest_of_piece
        elif len(rest) > _CHUNK_BYTES:
            yield rest
            # What is cut in two is found in the piece that begins with the end of the one before.
            rest = rest[-1024:] + piece
        else:
            rest += piece
    if rest:
        yield rest


def _readings(content: bytes) -> Iterator[list[str]]:
    """The lines of `content`, in each codec that it may be in, without null characters."""
    content = content.replace(b"\0", b" ")
    try:
        yield content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        yield content.decode("cp949", "replace").split("\n")
        yield content.decode("utf-8", "replace").split("\n")
