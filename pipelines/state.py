"""A look at a home without changing it: what has arrived, what is missing, and whether the marts are up to date."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime

from pipelines.completeness import Completeness, assess
from pipelines.connections import connected
from pipelines.ledger import conservation, current_loads, loads_hash, optional_shortfalls, published_loads_hash
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile, load_sources_file
from pipelines.sources.deliveries import Arrivals, find_arrivals


@dataclass(frozen=True)
class State:
    """What a look found. `is_idle`: nothing has arrived, and what is loaded, or missing, is what was published."""

    sources_file: SourcesFile
    arrivals: Arrivals
    completeness: Completeness
    counts: dict[str, int]
    is_published: bool
    optional_is_known: bool = False

    @property
    def delivery_days(self) -> list[date]:
        """The delivery dates of what has arrived."""
        return [delivery.delivery_date for delivery in self.arrivals.to_load]

    @property
    def is_idle(self) -> bool:
        # An optional delivery that became overdue since is published too; a required one keeps all from it.
        is_told = self.optional_is_known or not self.completeness.is_complete
        return not self.arrivals.to_load and self.is_published and is_told


def look(settings: Settings, now: datetime) -> State:
    """The state of the home at the instant `now`; opens the warehouse read-only, if there is one.

    Raises SourcesFileError, and LockedError where another process is writing.
    """
    sources_file = load_sources_file(settings.sources_file)
    with ExitStack() as stack:
        if not settings.warehouse.exists():
            arrivals = find_arrivals(None, sources_file)
            return State(sources_file, arrivals, assess(sources_file, [], now), {}, False)
        warehouse = stack.enter_context(connected(settings, settings.warehouse, read_only=True))
        completeness = assess(sources_file, current_loads(warehouse), now)
        return State(
            sources_file,
            find_arrivals(warehouse, sources_file),
            completeness,
            conservation(warehouse),
            settings.published_file.exists() and loads_hash(warehouse) == published_loads_hash(warehouse),
            {shortfall.key for shortfall in completeness.shortfalls if not shortfall.is_required}
            == optional_shortfalls(warehouse),
        )
