"""Finds what has been delivered, and tells new from known by the load ledger.

A delivery is one file in one slot (source system, feed, delivery date, part); loaded, it is a batch.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb

from pipelines.errors import SourcesFileError
from pipelines.ledger import current_loads, known_files
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.path_pattern import PathPattern

Slot = tuple[str, str, date, str]


@dataclass(frozen=True)
class Delivery:
    """A file in its slot, as it was when it was seen."""

    source: Source
    path: Path
    delivery_date: date
    part: str
    size: int
    modified_nanoseconds: int
    file_hash: str
    is_archived: bool = False

    @property
    def slot(self) -> Slot:
        return (self.source.source_system, self.source.feed, self.delivery_date, self.part)

    @cached_property
    def batch_id(self) -> str:
        """Made of slot and content alone, so that the same delivery is the same batch in every home."""
        return hashlib.md5("\x1f".join((*map(str, self.slot), self.file_hash)).encode()).hexdigest()[:16]

    def is_unchanged(self) -> bool:
        """Whether the file is still the one that was seen; one that changed meanwhile waits for the next run."""
        if self.is_archived:
            return True
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.modified_nanoseconds)


@dataclass(frozen=True)
class Arrivals:
    """What a look at the sources found: deliveries to load, and known content that only moved or was touched."""

    to_load: list[Delivery]
    touched: list[Delivery]


def find_arrivals(
    warehouse: duckdb.DuckDBPyConnection | None,
    sources_file: SourcesFile,
    feed: str | None = None,
    first: date | None = None,
    last: date | None = None,
    reload: bool = False,
) -> Arrivals:
    """The deliveries of `feed` (None: all) dated within [first, last] that are new or changed; with `reload`, all.

    Without a warehouse everything is new. Known files are recognised by size and modification time, and not opened.
    Raises SourcesFileError where two files are there for one slot: the second would silently replace the first.
    """
    known = known_files(warehouse) if warehouse else {}
    batches = {load.batch_id for load in current_loads(warehouse, feed)} if warehouse else set()
    to_load: list[Delivery] = []
    touched: list[Delivery] = []
    slots: dict[Slot, Path] = {}
    for source in sources_file.sources:
        if feed not in (None, source.feed):
            continue
        for path, delivery_date, part in _files(source, sources_file.folder):
            if (first and delivery_date < first) or (last and delivery_date > last):
                continue
            other = slots.setdefault((source.source_system, source.feed, delivery_date, part), path)
            if other != path:
                raise SourcesFileError(
                    f"{other} and {path} are both the delivery of {source.source_system} {source.feed} "
                    f"for {delivery_date}",
                    "give the two a {part} in their path, or another delivery date, or remove the one that is old",
                )
            status = path.stat()
            seen = known.get((source.feed, source.source_system, str(path)))
            if not reload and seen and seen[:2] == (status.st_size, status.st_mtime_ns):
                continue
            with path.open("rb") as file:
                file_hash = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
            delivery = Delivery(source, path, delivery_date, part, status.st_size, status.st_mtime_ns, file_hash)
            if not delivery.is_unchanged():
                continue
            (touched if delivery.batch_id in batches and not reload else to_load).append(delivery)
    return Arrivals(to_load, touched)


def archived_deliveries(
    warehouse: duckdb.DuckDBPyConnection,
    sources_file: SourcesFile,
    feed: str,
    first: date | None,
    last: date | None,
) -> list[Delivery]:
    """The feed's batches in force dated within [first, last], as deliveries that are read from the archive.

    A file that was refused because nothing in it could be read has left nothing there.
    """
    known = {batch: (size, modified) for size, modified, batch in known_files(warehouse).values()}
    deliveries = []
    for load in current_loads(warehouse, feed):
        is_outside = (first and load.delivery_date < first) or (last and load.delivery_date > last)
        if is_outside or (load.verdict == "refused" and not load.rows_read):
            continue
        source = _source_of(sources_file, feed, load.source_system, Path(load.file))
        if source:
            size, modified = known.get(load.batch_id, (0, 0))
            deliveries.append(
                Delivery(
                    source,
                    Path(load.file),
                    load.delivery_date,
                    load.part,
                    size,
                    modified,
                    load.file_hash,
                    True,
                )
            )
    return deliveries


def _source_of(sources_file: SourcesFile, feed: str, system: str, file: Path) -> Source | None:
    """The source a loaded file belongs to: the one whose pattern fits, else the system's first."""
    sources = [source for source in sources_file.of_feed(feed) if source.source_system == system]
    fitting = (s for s in sources if PathPattern(s.path).fits(file, sources_file.folder))
    return next(fitting, sources[0] if sources else None)


def _files(source: Source, folder: Path) -> Iterator[tuple[Path, date, str]]:
    """The source's files with delivery dates within its start and until."""
    for path, found_date, part in PathPattern(source.path).files(folder):
        delivery_date = found_date or source.delivery_date
        assert delivery_date is not None, "the sources file was checked for this"
        too_early = source.start is not None and delivery_date < source.start
        too_late = source.until is not None and delivery_date > source.until
        if not (too_early or too_late):
            yield path, delivery_date, part
