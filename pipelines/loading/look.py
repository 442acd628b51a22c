"""A look at a home without changing it: what has arrived, what is missing, and whether the marts are up to date."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.archive.manifest import require_warehouse
from pipelines.home.lock import looking
from pipelines.ledger.basis_hash import basis_hash, published_basis_hash
from pipelines.ledger.loads import Known, conservation, known
from pipelines.ledger.tables import is_created, reading_current_tables
from pipelines.loading.completeness import Completeness, assess
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.deliveries import Arrivals, find_arrivals
from pipelines.sources.sources_file import load_sources_file

_BATCHES = """
select
    feed, source_system, count(*), count(*) filter (verdict = 'refused'),
    min(delivery_date), max(delivery_date), sum(rows_loaded), sum(rows_quarantined),
from ledger.loads
where is_current
group by all
order by all
"""


@dataclass(frozen=True)
class Status:
    """What a look found. `is_published`: what is loaded, or missing, is what was published.

    `batches` has a line per feed and system: the two, batches, refused ones, first and last date, rows loaded and held.
    """

    sources_file: SourcesFile
    arrivals: Arrivals
    completeness: Completeness
    counts: dict[str, int]
    is_published: bool
    batches: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def delivery_days(self) -> list[date]:
        """The delivery dates of what has arrived."""
        return [delivery.delivery_date for delivery in self.arrivals.to_load]

    @property
    def is_empty(self) -> bool:
        """Whether nothing has ever arrived."""
        return not self.arrivals.to_load and not self.batches

    @property
    def is_idle(self) -> bool:
        """Whether a run would change nothing: nothing has arrived, and there is nothing to publish, or no leave to."""
        return not self.arrivals.to_load and (self.is_published or not self.completeness.is_complete)


def look(settings: Settings, now: datetime) -> Status:
    """The status of the home at the instant `now`.

    Holds the home's lock while it reads the warehouse, because DuckDB lets nobody write while somebody reads, and
    closes it before it opens a single source file. Raises SourcesFileError, and LockedError where a command is writing.
    """
    sources_file = load_sources_file(settings.sources_file)
    today = sources_file.company.business_day(now)
    nothing = Status(sources_file, Arrivals(), assess(sources_file, [], now), {}, False)
    require_warehouse(settings)
    if not settings.warehouse.exists():
        return replace(nothing, arrivals=find_arrivals(Known(), sources_file, today=today))
    with looking(settings), reading_current_tables(settings) as warehouse:
        if not is_created(warehouse):
            return replace(nothing, arrivals=find_arrivals(Known(), sources_file, today=today))
        ledger = known(warehouse)
        completeness = assess(sources_file, ledger.loads, now)
        company = (sources_file.company.time_zone, sources_file.company.currency)
        optional = [shortfall.key for shortfall in completeness.shortfalls if not shortfall.is_required]
        is_published = basis_hash(warehouse, company, optional) == published_basis_hash(warehouse)
        counts = conservation(warehouse)
        batches = warehouse.execute(_BATCHES).fetchall()
    is_there = settings.published_file.exists()
    arrivals = find_arrivals(ledger, sources_file, today=today)
    return Status(sources_file, arrivals, completeness, counts, is_published and is_there, batches)


def instant_of(settings: Settings, today: datetime | None) -> datetime:
    """The instant a command stands for: now, or the end of the day that counts as today."""
    if today is None:
        return datetime.now(UTC)
    zone = ZoneInfo(load_sources_file(settings.sources_file).company.time_zone)
    return datetime.combine(today.date(), time.max, zone)
