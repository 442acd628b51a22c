"""How fresh each feed is: its last delivery, and how late the next one is. Completeness judges what is overdue."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pipelines.ledger.loads import Load
from pipelines.loading.completeness import Shortfall, assess, due_at
from pipelines.sources.configuration import Source, SourcesFile


@dataclass(frozen=True)
class Freshness:
    """One feed of one system. `hours_late` is that of the oldest overdue delivery, 0 where nothing is overdue."""

    feed: str
    source_system: str
    terms: str
    is_required: bool
    last_delivery_date: date | None
    overdue: list[date]
    hours_late: float

    @property
    def text(self) -> str:
        """The line in words."""
        last = f"last delivery {self.last_delivery_date or 'never'}"
        if not self.overdue:
            return f"{last}; {self.terms}"
        return (
            f"{last}; {self.terms}; {len(self.overdue)} overdue since {self.overdue[0]}, {self.hours_late:,.0f} h late"
        )


def freshness(sources_file: SourcesFile, loads: list[Load], now: datetime) -> list[Freshness]:
    """A line per feed and system of the sources file, in its order, at the instant `now` (with a time zone)."""
    zone = ZoneInfo(sources_file.company.time_zone)
    overdue: dict[tuple[str, str], list[Shortfall]] = defaultdict(list)
    for shortfall in assess(sources_file, loads, now).shortfalls:
        if shortfall.kind == "overdue":
            overdue[shortfall.feed, shortfall.source_system].append(shortfall)
    last: dict[tuple[str, str], date] = {}
    for load in loads:
        if load.verdict == "loaded":
            place = (load.feed, load.source_system)
            last[place] = max(load.delivery_date, last.get(place, load.delivery_date))
    sources: dict[tuple[str, str], Source] = {}
    for source in sources_file.sources:
        sources.setdefault((source.feed, source.source_system), source)
    lines = []
    for place, source in sources.items():
        days = sorted(shortfall.delivery_date for shortfall in overdue[place])
        late = (now - due_at(source, days[0], zone)).total_seconds() / 3600 if days else 0
        terms = f"{source.terms.cadence.replace('_', ' ')}, due {source.terms.due:%H:%M} the day after"
        lines.append(Freshness(*place, terms, source.terms.required, last.get(place), days, late))
    return lines
