"""What the quality report tells, read from ledger, quarantine and sources file; how it looks is said in `page.html`.

Only counts, rules, file names and column names are read here, never a value of a row.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from pipelines.contracts import feeds
from pipelines.ledger.loads import COUNTS, conservation, current_loads
from pipelines.loading.completeness import Completeness, assess
from pipelines.quality.freshness import Freshness, freshness
from pipelines.quality.identity_figures import IdentityFigures, identity_figures
from pipelines.repair.quarantine import Summary, summaries
from pipelines.sources.configuration import SourcesFile

STATES = ("refused", "overdue", "quarantined", "warned", "loaded", "nothing")
"""What a day of a feed can be, the worst first."""
DAYS_SHOWN = 91
_DAY = timedelta(days=1)

_DELIVERIES = """
with results as (
    select
        batch_id,
        count(*) filter (verdict = 'fail' and severity = 'warning') as warnings,
        any_value(nullif(regexp_extract(limit_value, 'where ([0-9]+) are expected', 1), '')) as expected_rows,
    from ledger.gate_results
    group by batch_id
)
select
    loads.feed,
    loads.source_system,
    loads.delivery_date,
    max(loads.verdict),  -- 'refused' comes after 'loaded'
    sum(loads.rows_read)::bigint,
    sum(loads.rows_loaded)::bigint,
    sum(loads.rows_quarantined)::bigint,
    coalesce(sum(results.warnings), 0)::bigint,
    sum(results.expected_rows::bigint)::bigint,
from ledger.loads as loads
left join results using (batch_id)
where loads.is_current
group by all
order by all
"""
_RULES = """
select
    gate_results.feed,
    loads.source_system,
    gate_results.expectation,
    gate_results.severity,
    count(*),
    sum(gate_results.rows_failed)::bigint,
    arg_max(gate_results.observed, loads.delivery_date),
    arg_max(gate_results.limit_value, loads.delivery_date),
    min(loads.delivery_date),
    max(loads.delivery_date),
from ledger.gate_results
inner join ledger.loads as loads on gate_results.batch_id = loads.batch_id and loads.is_current
where gate_results.verdict = 'fail'
group by all
order by 4, 6 desc, 3
"""
_COUNTS = f"""
select feed, source_system, count(*), count(*) filter (verdict = 'refused'), sum(values_masked)::bigint,
    {", ".join(f"sum(rows_{count})::bigint" for count in COUNTS)}
from ledger.loads
where is_current
group by all
"""


@dataclass(frozen=True)
class Rule:
    """A rule that failed in some batches of a feed; `observed` and `limit` are those of the last of them."""

    feed: str
    source_system: str
    rule: str
    severity: str
    batches: int
    rows: int
    observed: str
    limit: str
    first_date: date
    last_date: date


@dataclass(frozen=True)
class Delivery:
    """All that came of one feed for one day."""

    day: date
    verdict: str
    read: int
    loaded: int
    quarantined: int
    warnings: int
    expected: int | None

    @property
    def state(self) -> str:
        """One of STATES."""
        if self.verdict == "refused":
            return "refused"
        if self.quarantined:
            return "quarantined"
        return "warned" if self.warnings else "loaded"

    @property
    def text(self) -> str:
        return (
            f"{self.verdict}, {self.read:,} rows read, {self.loaded:,} loaded, {self.quarantined:,} held back, "
            f"{self.warnings:,} warnings"
        )


@dataclass(frozen=True)
class FeedFindings:
    """One feed of one system. `counts` has batches, refused, masked values and COUNTS."""

    feed: str
    source_system: str
    freshness: Freshness | None
    counts: dict[str, int]
    deliveries: dict[date, Delivery]
    rules: list[Rule]

    @property
    def tolerance(self) -> float | None:
        contract = feeds().get(self.feed)
        return contract.tolerance if contract else None

    @property
    def largest_share(self) -> float:
        """The largest share of rows that a loaded day had held back: how much of the tolerance was used."""
        shares = [d.quarantined / d.read for d in self.deliveries.values() if d.read and d.verdict == "loaded"]
        return max(shares, default=0)

    @property
    def drawn(self) -> list[Delivery]:
        """The last deliveries, as many as are drawn."""
        return list(self.deliveries.values())[-DAYS_SHOWN:]

    @property
    def largest(self) -> int:
        """The most rows that one of these had, or was expected to have."""
        return max((max(delivery.read, delivery.expected or 0) for delivery in self.drawn), default=0)

    @property
    def state(self) -> str:
        """The worst of its days; what is overdue counts too."""
        states = {delivery.state for delivery in self.deliveries.values()}
        if self.freshness and self.freshness.overdue:
            states.add("overdue")
        return next((state for state in STATES if state in states), "nothing")

    def day(self, day: date) -> tuple[str, str]:
        """State and text of one day."""
        if delivery := self.deliveries.get(day):
            return delivery.state, delivery.text
        if self.freshness and day in self.freshness.overdue:
            return "overdue", "overdue"
        return "nothing", "nothing came, nothing was due"

    def month(self, month: date) -> tuple[str, str]:
        """State and text of the month that begins on `month`: the worst of its days."""
        found = [delivery for delivery in self.deliveries.values() if delivery.day.replace(day=1) == month]
        late = [day for day in (self.freshness.overdue if self.freshness else []) if day.replace(day=1) == month]
        states = {delivery.state for delivery in found} | ({"overdue"} if late else set())
        state = next((state for state in STATES if state in states), "nothing")
        days = {name: sum(delivery.state == name for delivery in found) for name in STATES[:-1]}
        days["overdue"] = len(late)
        told = ", ".join(f"{number} {name}" for name, number in days.items() if number)
        return state, told or "nothing came, nothing was due"


@dataclass(frozen=True)
class Findings:
    """All that the report tells; `now` is in the company's zone."""

    company: str
    currency: str
    now: datetime
    completeness: Completeness
    counts: dict[str, int]
    feeds: list[FeedFindings]
    quarantine: list[Summary]
    publications: list[tuple[Any, ...]]
    days: list[date] = field(default_factory=list)
    months: list[date] = field(default_factory=list)
    identity: IdentityFigures | None = None

    @property
    def rules(self) -> list[Rule]:
        """All rules that failed, the worst first."""
        found = [rule for feed in self.feeds for rule in feed.rules]
        return sorted(found, key=lambda rule: (rule.severity, -rule.rows, rule.feed, rule.rule))


def find(warehouse: duckdb.DuckDBPyConnection, sources_file: SourcesFile, now: datetime) -> Findings:
    """What there is to tell at the instant `now`; the warehouse is only read."""
    loads = current_loads(warehouse)
    fresh = {(line.feed, line.source_system): line for line in freshness(sources_file, loads, now)}
    deliveries: dict[tuple[str, str], dict[date, Delivery]] = defaultdict(dict)
    for feed, system, day, *rest in warehouse.execute(_DELIVERIES).fetchall():
        deliveries[feed, system][day] = Delivery(day, *rest)
    rules: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for row in warehouse.execute(_RULES).fetchall():
        rules[row[0], row[1]].append(Rule(*row))
    names = ("batches", "refused", "masked", *COUNTS)
    counts = {
        (feed, system): dict(zip(names, rest, strict=True))
        for feed, system, *rest in warehouse.execute(_COUNTS).fetchall()
    }
    order = list(feeds())
    places = sorted({*fresh, *counts}, key=lambda place: (order.index(place[0]) if place[0] in order else 0, place))
    told = [
        FeedFindings(
            *place,
            fresh.get(place),
            counts.get(place, dict.fromkeys(names, 0)),
            deliveries[place],
            rules[place],
        )
        for place in places
    ]
    dates = [load.delivery_date for load in loads]
    dates += [day for line in fresh.values() for day in line.overdue]
    return Findings(
        sources_file.company.name,
        sources_file.company.currency,
        now,
        assess(sources_file, loads, now),
        conservation(warehouse),
        told,
        summaries(warehouse, None, is_all=False),
        warehouse.execute(
            "select published_at, complete_date, content_hash "
            "from ledger.publications order by published_at desc limit 5"
        ).fetchall(),
        _days(dates),
        _months(dates),
        identity_figures(warehouse),
    )


def _days(dates: list[date]) -> list[date]:
    """The last days with anything to tell, up to DAYS_SHOWN."""
    if not dates:
        return []
    last = max(dates)
    first = max(min(dates), last - (DAYS_SHOWN - 1) * _DAY)
    return [first + number * _DAY for number in range((last - first).days + 1)]


def _months(dates: list[date]) -> list[date]:
    """The first days of all months from the first date to the last."""
    months = []
    month = min(dates).replace(day=1) if dates else date.max
    while dates and month <= max(dates):
        months.append(month)
        month = (month + 31 * _DAY).replace(day=1)
    return months
