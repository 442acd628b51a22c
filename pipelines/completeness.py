"""Which deliveries are due but missing or refused, and up to which day all required feeds are loaded.

The clock is read by the caller once and handed in; nothing here, and nothing behind it, asks what time it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.ledger import Load
from pipelines.sources.configuration import Source, SourcesFile

_DAY = timedelta(days=1)
_SATURDAY = 5


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
    """What is missing at the instant `now` (with a time zone), judged by the ledger's lines in force."""
    local = now.astimezone(ZoneInfo(sources_file.company.time_zone))
    shortfalls: list[Shortfall] = []
    bounds: list[date] = []
    latest: list[date] = []
    for source in sources_file.sources:
        own = [load for load in loads if (load.feed, load.source_system) == (source.feed, source.source_system)]
        good = {load.delivery_date for load in own if load.verdict == "loaded"}
        shortfalls += [_overdue(source, day) for day in _overdue_days(source, good, local)]
        shortfalls += [_refused(source, load) for load in own if load.verdict == "refused"]
        if source.terms.required:
            if bound := _complete_until(source, good):
                bounds.append(bound)
            latest += [max(good)] if good else []
    complete_date = min(bounds, default=None) or min(latest, default=None)
    starts = [source.start for source in sources_file.sources if source.terms.required and source.start]
    if complete_date and complete_date < min(starts, default=complete_date):
        complete_date = None
    # Sources that share feed and system each see the same refusal.
    return Completeness(complete_date, list(dict.fromkeys(shortfalls)))


def _overdue(source: Source, day: date) -> Shortfall:
    what = {"monthly": f"the month of {day}", "on_change": f"any day since {day}"}.get(source.terms.cadence, str(day))
    text = (
        f"{source.source_system} {source.feed}: the delivery for {what} is overdue "
        f"(due {source.terms.due:%H:%M} the day after); expected as {source.path}"
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
            due = {day.replace(day=1) for day in _expected_days(source, last) if (day + _DAY).month != day.month}
            return sorted(due - months)
        case _:
            first = source.delivery_date or source.start
            return [first] if first and first <= last and not good else []


def _complete_until(source: Source, good: set[date]) -> date | None:
    """The last day before the first expected delivery that is not loaded; None where the cadence sets no bound."""
    match source.terms.cadence:
        case "daily" | "weekdays":
            if source.start is None:
                return max(good, default=None)
            end = (source.until or max(good, default=source.start)) + _DAY
            missing = (day for day in _expected_days(source, end) if day not in good)
            return next(missing, end) - _DAY
        case "monthly":
            return max(good, default=None)
        case _:
            return None
