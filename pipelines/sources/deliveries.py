"""Finds what has been delivered, and tells new from known by the load ledger.

A delivery is one file in one slot (source system, feed, delivery date, part); loaded, it is a batch.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from pipelines.errors import SourcesFileError
from pipelines.ledger import Known, Load, Slot
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.path_pattern import PathPattern


@dataclass(frozen=True)
class Delivery:
    """A file in its slot, as it was when it was seen.

    An archived one is read from the archive instead; `fault` is then why its file could not be read as a whole.
    """

    source: Source
    path: Path
    delivery_date: date
    part: str
    size: int
    modified_nanoseconds: int
    file_hash: str
    is_archived: bool = False
    fault: str | None = None

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
    """What a look at the sources found.

    `to_load` are deliveries, `touched` known content that only moved or was touched, and `unreadable` says of each
    file that could not be opened why.
    """

    to_load: list[Delivery] = field(default_factory=list)
    touched: list[Delivery] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def find_arrivals(
    known: Known,
    sources_file: SourcesFile,
    feed: str | None = None,
    first: date | None = None,
    last: date | None = None,
    reload: bool = False,
) -> Arrivals:
    """The deliveries of `feed` (None: all) dated within [first, last] that are new or changed; with `reload`, all.

    Known files are recognised by size and modification time, and not opened, unless they were refused and the source's
    entry has been mended since. Raises SourcesFileError where two files are there for one slot: the second would
    silently replace the first.
    """
    arrivals = Arrivals()
    latest = {load.slot: load for load in sorted(known.loads, key=lambda load: load.load_number)}
    slots: dict[Slot, Path] = {}
    for source in sources_file.sources:
        if feed not in (None, source.feed):
            continue
        reading = reading_hash(source)
        for path, delivery_date, part in _files(source, sources_file.folder):
            if (first and delivery_date < first) or (last and delivery_date > last):
                continue
            slot = (source.source_system, source.feed, delivery_date, part)
            _refuse_second(slots.setdefault(slot, path), path, slot)
            load = latest.get(slot)
            is_mended = load is not None and load.verdict == "refused" and load.reading_hash != reading
            try:
                status = path.stat()
                seen = known.files.get((source.feed, source.source_system, str(path)))
                is_known = seen is not None and seen[:2] == (status.st_size, status.st_mtime_ns)
                if is_known and not (reload or is_mended):
                    continue
                with path.open("rb") as file:
                    file_hash = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
            except OSError as error:
                arrivals.unreadable.append(f"{path}: cannot be read: {error.strerror}. Remedy: mend the file's rights")
                continue
            delivery = Delivery(source, path, delivery_date, part, status.st_size, status.st_mtime_ns, file_hash)
            if not delivery.is_unchanged():
                continue
            is_same = load is not None and load.batch_id == delivery.batch_id and not (reload or is_mended)
            (arrivals.touched if is_same else arrivals.to_load).append(delivery)
    return arrivals


def _refuse_second(first: Path, second: Path, slot: Slot) -> None:
    if first != second:
        system, feed, delivery_date, _ = slot
        raise SourcesFileError(
            f"{first} and {second} are both the delivery of {system} {feed} for {delivery_date}",
            "give the two a {part} in their path, or another delivery date, or remove the one that is old",
        )


def reading_hash(source: Source) -> str:
    """A hash of how the source's files are read and mapped; it changes when somebody mends its entry."""
    entry = source.model_dump_json(include={"format", "codec", "delimiter", "columns"})
    return hashlib.md5(entry.encode()).hexdigest()


def archived_deliveries(known: Known, sources_file: SourcesFile, loads: Iterable[Load]) -> list[Delivery]:
    """The batches of `loads` as deliveries that are read from the archive.

    A file that was refused because nothing in it could be read has left nothing there.
    """
    files = {batch: (size, modified) for size, modified, batch in known.files.values()}
    deliveries = []
    for load in loads:
        source = _source_of(sources_file, load.feed, load.source_system, Path(load.file))
        if source and not (load.verdict == "refused" and not load.rows_read):
            size, modified = files.get(load.batch_id, (0, 0))
            deliveries.append(
                Delivery(
                    source,
                    Path(load.file),
                    load.delivery_date,
                    load.part,
                    size,
                    modified,
                    load.file_hash,
                    is_archived=True,
                    fault=load.fault,
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
