"""Finds what has been delivered, and tells new from known by the load ledger.

A delivery is one file, or one day of a database table, in one slot (source system, feed, delivery date, part); loaded,
it is a batch.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

from pipelines.errors import DatabaseError, DatabaseUnreachableError, SourcesFileError
from pipelines.ledger.loads import Known, Load, Slot
from pipelines.sources.configuration import FORMAT_WORDS, Source, SourcesFile
from pipelines.sources.path_pattern import PathPattern
from pipelines.sources.postgresql import DayContent, day_contents, delivery_path


@dataclass(frozen=True)
class Delivery:
    """A file in its slot, as it was when it was seen.

    An archived one is read from the archive instead; `fault` is then why its file could not be read as a whole,
    `source_columns` what the file's columns were, and `values_masked` how many values were masked at its arrival.
    Of a database, `size` is the number of rows, and `keeps` the batch in force for the slot, whose rows stay where the
    database has moved them to a later day.
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
    source_columns: str | None = None
    values_masked: int = 0
    keeps: str | None = None
    changed_nanoseconds: int | None = None

    @property
    def slot(self) -> Slot:
        return (self.source.source_system, self.source.feed, self.delivery_date, self.part)

    @cached_property
    def batch_id(self) -> str:
        """Made of slot and content alone, so that the same delivery is the same batch in every home."""
        return hashlib.md5("\x1f".join((*map(str, self.slot), self.file_hash)).encode()).hexdigest()[:16]

    def is_unchanged(self) -> bool:
        """Whether the file is still the one that was seen; one that changed meanwhile waits for the next run."""
        if self.is_archived or self.source.connection:
            return True
        try:
            status = self.path.stat()
        except OSError:
            return False
        # The time of the last change of any kind tells a file that was put in this one's place with its size and time.
        seen = (self.size, self.modified_nanoseconds, self.changed_nanoseconds or status.st_ctime_ns)
        return (status.st_size, status.st_mtime_ns, status.st_ctime_ns) == seen


@dataclass(frozen=True)
class Arrivals:
    """What a look at the sources found.

    `to_load` are deliveries, `touched` known content that only moved or was touched, and `left_out` says of each
    file that could not be opened or came for a closed day, and each database that could not be asked, why.
    """

    to_load: list[Delivery] = field(default_factory=list)
    touched: list[Delivery] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def find_arrivals(
    known: Known,
    sources_file: SourcesFile,
    feed: str | None = None,
    first: date | None = None,
    last: date | None = None,
    reload: bool = False,
    today: date | None = None,
) -> Arrivals:
    """The deliveries of `feed` (None: all) dated within [first, last] that are new or changed; with `reload`, all.

    Known files are recognised by size and modification time, and not opened, unless they were refused and the source's
    entry has been mended since. Databases are read up to the day before `today`, and without it not at all. Nothing is
    loaded of closed days; what is new for one is left out, and told. Raises SourcesFileError where two files are there
    for one slot: the second would silently replace the first.
    """
    arrivals = Arrivals()
    look = _DatabaseLook(known, arrivals, sources_file.company.time_zone, reload)
    latest = {load.slot: load for load in sorted(known.loads, key=lambda load: load.load_number)}
    slots: dict[Slot, Path] = {}
    for source in sources_file.sources:
        if feed not in (None, source.feed):
            continue
        reading = reading_hash(source)
        too_old: list[str] = []
        if source.connection:
            days = [day for day in _complete_days(source, today) if (first or day) <= day <= (last or day)]
            open_days = [day for day in days if not known.is_closed(source.feed, day)]
            too_old = [str(day) for day in look.unknown(source, days[: len(days) - len(open_days)])]
            for delivery in look.at(source, open_days):
                _refuse_second(slots.setdefault(delivery.slot, delivery.path), delivery.path, delivery.slot)
            arrivals.left_out.extend(_closed(known, source, too_old))
            continue
        for path, delivery_date, part in _files(source, sources_file.folder):
            if (first and delivery_date < first) or (last and delivery_date > last):
                continue
            slot = (source.source_system, source.feed, delivery_date, part)
            _refuse_second(slots.setdefault(slot, path), path, slot)
            load = latest.get(slot)
            is_closed = known.is_closed(source.feed, delivery_date)
            is_again = not is_closed and (reload or _is_mended(load, reading))
            try:
                status = path.stat()
                seen = known.files.get((source.feed, source.source_system, str(path)))
                is_known = seen is not None and seen[:2] == (status.st_size, status.st_mtime_ns)
                if is_known and not is_again:
                    continue
                with path.open("rb") as file:
                    file_hash = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
            except OSError as error:
                arrivals.left_out.append(f"{path}: cannot be read: {error.strerror}. Remedy: mend the file's rights")
                continue
            delivery = Delivery(
                source,
                path,
                delivery_date,
                part,
                status.st_size,
                status.st_mtime_ns,
                file_hash,
                changed_nanoseconds=status.st_ctime_ns,
            )
            if not delivery.is_unchanged():
                continue
            is_same = load is not None and load.batch_id == delivery.batch_id and not is_again
            if is_closed and not is_same and delivery.batch_id not in known.retracted:
                too_old.append(str(path))
                continue
            (arrivals.touched if is_same else arrivals.to_load).append(delivery)
        arrivals.left_out.extend(_closed(known, source, too_old))
    return _without_retracted(arrivals, known)


def _closed(known: Known, source: Source, too_old: list[str]) -> Iterator[str]:
    """One sentence for all that a source has delivered for closed days and nobody has loaded, if it has."""
    if too_old:
        first_open = known.closed[source.feed]
        others = f" and {len(too_old) - 1:,} more of {source.source_system}" if too_old[1:] else ""
        yield (
            f"{too_old[0]}{others}: not loaded: {source.feed} was pruned of all that was delivered before {first_open}."
            f" Remedy: say `start: {first_open}` in the source's entry, or deliver it for that day or a later one"
        )


def _without_retracted(arrivals: Arrivals, known: Known) -> Arrivals:
    """What was withdrawn on purpose is not loaded again while it still lies there."""
    withdrawn = [delivery for delivery in arrivals.to_load if delivery.batch_id in known.retracted]
    rest = [delivery for delivery in arrivals.to_load if delivery.batch_id not in known.retracted]
    return replace(arrivals, to_load=rest, touched=arrivals.touched + withdrawn)


@dataclass
class _DatabaseLook:
    """Asks databases for the days that the ledger does not know, and for those that may have changed since.

    A loaded day changes when a transaction that began in it commits late, or rows move on to the day of their next
    change. The days of the last `look_back_days` are therefore asked for again, once, with the first look at a new day:
    where customers are changed every minute, loaded days lose rows to the day that has begun all the time.
    """

    known: Known
    arrivals: Arrivals
    time_zone: str
    reload: bool
    down: set[str | None] = field(default_factory=set)

    def at(self, source: Source, days: list[date]) -> list[Delivery]:
        """Sort what `days` of the source hold into the arrivals; returns the deliveries that were looked at."""
        loads = {load.delivery_date: load for load in self._loads(source)}
        good = {load.delivery_date: load for load in self._loads(source) if load.verdict == "loaded"}
        reading = reading_hash(source)
        mended = {day for day, load in loads.items() if _is_mended(load, reading)}
        paths = {day: delivery_path(source, day) for day in days}
        files = self.known.files
        seen = {day for day, path in paths.items() if (source.feed, source.source_system, str(path)) in files}
        deliveries = []
        for day, content in self._contents(source, self._to_ask(source, days, seen, mended)).items():
            replaced = good.get(day) if source.watermark else None
            keeps = replaced.batch_id if replaced and replaced.file == str(paths[day]) else None
            delivery = Delivery(source, paths[day], day, "", content.rows, 0, content.content_hash, keeps=keeps)
            deliveries.append(delivery)
            load = loads.get(day)
            if self.reload or day in mended or load is None or load.batch_id != delivery.batch_id:
                self.arrivals.to_load.append(delivery)
            elif day not in seen:
                self.arrivals.touched.append(delivery)
        return deliveries

    def unknown(self, source: Source, days: list[date]) -> list[date]:
        """Those of `days` for which the ledger has no delivery of the source."""
        loaded = {load.delivery_date for load in self._loads(source)} if days else set()
        return [day for day in days if day not in loaded]

    def _loads(self, source: Source) -> list[Load]:
        """The ledger's lines in force for the source's slots, the latest last."""
        own = (source.source_system, source.feed, "")
        loads = [load for load in self.known.loads if (load.source_system, load.feed, load.part) == own]
        return sorted(loads, key=lambda load: load.load_number)

    def _to_ask(self, source: Source, days: list[date], seen: set[date], mended: set[date]) -> list[date]:
        new = [day for day in days if day not in seen]
        if not source.watermark:
            # Of a whole table there is only today's state; what an earlier day brought is replayed from the archive.
            return [day for day in days if day in new or day in mended]
        if self.reload:
            return days
        first = new[0] - timedelta(days=source.look_back_days) if new and new[-1] == days[-1] else None
        return [day for day in days if day not in seen or day in mended or (first and day >= first)]

    def _contents(self, source: Source, days: list[date]) -> dict[date, DayContent]:
        """What the days hold; nothing, and the reason among the arrivals, where the database does not say."""
        # Other sources of a server that is down would only wait for it in vain again.
        if not days or source.connection in self.down:
            return {}
        try:
            return day_contents(source, self.time_zone, days)
        except DatabaseError as error:
            if isinstance(error, DatabaseUnreachableError):
                self.down.add(source.connection)
            self.arrivals.left_out.append(f"{error.cause}. Remedy: {error.remedy}")
            return {}


def _complete_days(source: Source, today: date | None) -> list[date]:
    """The business days of a database's source that are over: from its start, or without a watermark the last."""
    if today is None:
        return []
    last = today - timedelta(days=1)
    first = (source.start or last) if source.watermark else max(source.start or last, last)
    last = min(last, source.until or last)
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def _is_mended(load: Load | None, reading: str) -> bool:
    """Whether a delivery was refused and its source's entry is another one by now."""
    return load is not None and load.verdict == "refused" and load.reading_hash != reading


def _refuse_second(first: Path, second: Path, slot: Slot) -> None:
    if first != second:
        system, feed, delivery_date, _ = slot
        raise SourcesFileError(
            f"{first} and {second} are both the delivery of {system} {feed} for {delivery_date}",
            "give the two a {part} in their path, or another delivery date, or remove the one that is old",
        )


def reading_hash(source: Source) -> str:
    """A hash of how the source's files are read and mapped; it changes when somebody mends its entry."""
    words = {"format", "columns", *FORMAT_WORDS[source.format]}
    # A source without one keeps the hash that it had before there was such a word.
    entry = source.model_dump_json(include=words | ({"time_zone"} if source.time_zone else set()))
    return hashlib.md5(entry.encode()).hexdigest()


def archived_deliveries(known: Known, sources_file: SourcesFile, loads: Iterable[Load]) -> list[Delivery]:
    """The batches of `loads` as deliveries that are read from the archive.

    A file that was refused because nothing in it could be read has left nothing there.
    """
    files = {batch: (size, modified) for size, modified, batch in known.files.values()}
    deliveries = []
    for load in loads:
        source = source_of(sources_file, load.feed, load.source_system, Path(load.file))
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
                    source_columns=load.source_columns,
                    values_masked=load.values_masked,
                )
            )
    return deliveries


def source_of(sources_file: SourcesFile, feed: str, system: str, file: Path) -> Source | None:
    """The source a loaded file belongs to: the one whose pattern fits, else the system's first."""
    sources = [source for source in sources_file.of_feed(feed) if source.source_system == system]
    if len(sources) == 1:
        return sources[0]
    fitting = (source for source in sources if _fits(source, file, sources_file.folder))
    return next(fitting, sources[0] if sources else None)


def _fits(source: Source, file: Path, folder: Path) -> bool:
    """Whether the source could have delivered `file`, which need not exist any more."""
    if source.connection:
        return str(file).startswith("postgresql:")
    return PathPattern(source.path).fits(file, folder)


def _files(source: Source, folder: Path) -> Iterator[tuple[Path, date, str]]:
    """The source's files with delivery dates within its start and until."""
    for path, found_date, part in PathPattern(source.path).files(folder):
        delivery_date = found_date or source.delivery_date
        assert delivery_date is not None, "the sources file was checked for this"
        too_early = source.start is not None and delivery_date < source.start
        too_late = source.until is not None and delivery_date > source.until
        if not (too_early or too_late):
            yield path, delivery_date, part
