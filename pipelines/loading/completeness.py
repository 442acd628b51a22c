"""Which deliveries are due but missing or refused, and up to which day all required feeds are loaded.

The clock is read by the caller once and handed in; nothing here, and nothing behind it, asks what time it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.ledger.loads import Load
from pipelines.sources.configuration import Source, SourcesFile

_DAY = timedelta(days=1)
_SATURDAY = 5
_BY_THE_CALENDAR = ("daily", "weekdays", "monthly")


@dataclass(frozen=True)
class Shortfall:
    """A delivery that is overdue or refused; `text` says it to a person."""

    feed: str
    source_system: str
    delivery_date: date
    kind: str
    is_required: bool
    text: str

    @property
    def key(self) -> tuple[str, str, date, str]:
        """Feed, system, delivery date and kind: what the ledger keeps of it."""
        return (self.feed, self.source_system, self.delivery_date, self.kind)


@dataclass(frozen=True)
class Completeness:
    """`complete_date` is the last day with all required feeds loaded, None before there is one."""

    complete_date: date | None
    shortfalls: list[Shortfall]

    @property
    def required(self) -> list[str]:
        """What keeps the marts from being published, one sentence each."""
        return [shortfall.text for shortfall in self.shortfalls if shortfall.is_required]

    @property
    def optional(self) -> list[str]:
        """What is missing although the marts can do without it, one sentence each."""
        return [shortfall.text for shortfall in self.shortfalls if not shortfall.is_required]

    @property
    def is_complete(self) -> bool:
        return not self.required


def assess(sources_file: SourcesFile, loads: list[Load], now: datetime) -> Completeness:
    """What is missing at the instant `now` (with a time zone), judged by the ledger's lines in force.

    A day is good when a delivery of it is loaded and no part of it is refused; a refused correction leaves the part
    that it would have replaced loaded.
    """
    local = now.astimezone(ZoneInfo(sources_file.company.time_zone))
    shortfalls: list[Shortfall] = []
    required: list[tuple[Source, set[date]]] = []
    for source in sources_file.sources:
        own = [load for load in loads if (load.feed, load.source_system) == (source.feed, source.source_system)]
        loaded = {load.slot for load in own if load.verdict == "loaded"}
        refused = {load.delivery_date for load in own if load.slot not in loaded}
        good = {load.delivery_date for load in own} - refused
        # A day that came and was refused is reported as refused.
        shortfalls += [_overdue(source, day) for day in _overdue_days(source, good, local) if day not in refused]
        shortfalls += [_refused(source, load) for load in own if load.verdict == "refused"]
        if source.terms.required:
            required.append((source, good))
    # Sources that share feed and system each see the same refusal.
    return Completeness(_complete_date(required), list(dict.fromkeys(shortfalls)))


def _complete_date(required: list[tuple[Source, set[date]]]) -> date | None:
    """The last day with all required feeds loaded, from the required sources and their good days.

    The slowest source that is still owed something sets it. Where all have ended, it is the day on which the first
    feed ran dry, that is the least of the feeds' last `until`; where none delivers by the calendar, the last day that
    all of them have reached.
    """
    bounds: list[date] = []
    ends: dict[str, date] = {}
    for source, good in required:
        if source.terms.cadence not in _BY_THE_CALENDAR:
            continue
        if bound := _complete_until(source, good):
            bounds.append(bound)
        elif source.until:
            ends[source.feed] = max(source.until, ends.get(source.feed, source.until))
    latest = [max(good) for _, good in required if good]
    found = min(bounds, default=None) or min(ends.values(), default=None) or min(latest, default=None)
    starts = [source.start for source, _ in required if source.start]
    return None if found and found < min(starts, default=found) else found


def due_at(source: Source, day: date, zone: ZoneInfo) -> datetime:
    """The instant at which the delivery dated `day` is due; a monthly one, named by its first day, after its last."""
    if source.terms.cadence == "monthly":
        day = (day.replace(day=1) + 31 * _DAY).replace(day=1) - _DAY
    return datetime.combine(day + _DAY, source.terms.due, zone)


def _overdue(source: Source, day: date) -> Shortfall:
    what = {"monthly": f"the month of {day}", "on_change": f"any day since {day}"}.get(source.terms.cadence, str(day))
    text = (
        f"{source.source_system} {source.feed}: the delivery for {what} is overdue "
        f"(due {source.terms.due:%H:%M} the day after); expected as {source.place}"
    )
    return Shortfall(source.feed, source.source_system, day, "overdue", source.terms.required, text)


def _refused(source: Source, load: Load) -> Shortfall:
    text = f"{load.file}: refused: {load.reason}"
    return Shortfall(source.feed, load.source_system, load.delivery_date, "refused", source.terms.required, text)


def _expected_days(source: Source, last: date) -> Iterator[date]:
    """The delivery dates that a daily or weekday source owes from its start to `last`."""
    day = source.start
    last = min(last, source.until) if source.until else last
    while day is not None and day <= last:
        skipped = day in source.no_delivery or (source.terms.cadence == "weekdays" and day.weekday() >= _SATURDAY)
        if not skipped:
            yield day
        day += _DAY


def _expected_months(source: Source, last: date) -> Iterator[date]:
    """The first days of the months that a monthly source owes; a month is owed once its last day has come."""
    return (day.replace(day=1) for day in _expected_days(source, last) if (day + _DAY).month != day.month)


def _overdue_days(source: Source, good: set[date], local: datetime) -> Iterable[date]:
    """The delivery dates whose due time has passed without a good load; a month is named by its first day."""
    last = local.date() - _DAY
    if local.time() < source.terms.due:
        last -= _DAY
    match source.terms.cadence:
        case "daily" | "weekdays":
            return [day for day in _expected_days(source, last) if day not in good]
        case "monthly":
            months = {day.replace(day=1) for day in good}
            return [month for month in _expected_months(source, last) if month not in months]
        case _:
            first = source.delivery_date or source.start
            return [first] if first and first <= last and not good else []


def _complete_until(source: Source, good: set[date]) -> date | None:
    """The last day before the first expected day or month that is not good; None where all are and the source ended."""
    if source.start is None:
        return max(good, default=None)
    last = max(good, default=source.start - _DAY)
    if source.terms.cadence == "monthly":
        good = {day.replace(day=1) for day in good}
        following = (last.replace(day=1) + 31 * _DAY).replace(day=1)
        owed = _expected_months(source, source.until or following)
    else:
        following = last + _DAY
        owed = _expected_days(source, source.until or following)
    missing = next((day for day in owed if day not in good), None if source.until else following)
    return missing - _DAY if missing else None
