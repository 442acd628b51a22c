"""The tags of a run: what it is asked to do. The caller that starts it writes them, and the assets read them.

A run launched from Dagster's own pages has only Dagster's tags; it repairs the partitions that it was given.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from pipelines.loading.reload import Reload
from pipelines.sources.configuration import SourcesFile

FEED = "crmdw/feed"
BACKFILL = "crmdw/backfill"
_MODE = "crmdw/mode"
_NOW = "crmdw/now"
_FIRST = "crmdw/from"
_LAST = "crmdw/to"
_PARTITION = "dagster/partition"
_FIRST_PARTITION = "dagster/asset_partition_range_start"
_LAST_PARTITION = "dagster/asset_partition_range_end"


def tags_to_load(sources_file: SourcesFile, days: Iterable[date], now: datetime) -> dict[str, str]:
    """Of a run that loads all that has arrived; `days` are the delivery dates of what has."""
    return {_MODE: "load", _NOW: now.isoformat(), **_partitions(sources_file, days, now)}


def tags_to_backfill(
    sources_file: SourcesFile, first: date, last: date, feed: str | None, now: datetime, key: str
) -> dict[str, str]:
    """Of a run that loads the delivery dates from `first` to `last` again, of one feed or of all.

    `key` is the backfill's own, under which it notes the feeds that it has done.
    """
    return {
        _MODE: "backfill",
        _NOW: now.isoformat(),
        _FIRST: first.isoformat(),
        _LAST: last.isoformat(),
        BACKFILL: key,
        **({FEED: feed} if feed else {}),
        **_partitions(sources_file, (first, last), now),
    }


def tags_to_publish(now: datetime) -> dict[str, str]:
    """Of a run that loads nothing."""
    return {_MODE: "load", _NOW: now.isoformat()}


def reload_of(tags: Mapping[str, str]) -> Reload | None:
    """What a run loads again; None where it loads what has arrived."""
    day = tags.get(_PARTITION)
    first = tags.get(_FIRST) or tags.get(_FIRST_PARTITION, day)
    last = tags.get(_LAST) or tags.get(_LAST_PARTITION, day)
    if tags.get(_MODE, "backfill") != "backfill" or not (first and last):
        return None
    return Reload(date.fromisoformat(first), date.fromisoformat(last))


def instant(tags: Mapping[str, str]) -> datetime:
    """The instant that a run stands for, which decides what is overdue; the clock's where its tags name none."""
    return datetime.fromisoformat(tags[_NOW]) if _NOW in tags else datetime.now(UTC)


def _partitions(sources_file: SourcesFile, days: Iterable[date], now: datetime) -> dict[str, str]:
    """The range of partitions; a date before the first or after today has none, and is loaded all the same."""
    today = now.astimezone(ZoneInfo(sources_file.company.time_zone)).date()
    start = sources_file.first_delivery_date or today
    last = max(start, today)
    partitions = [min(max(day, start), last) for day in days] or [last]
    return {_FIRST_PARTITION: min(partitions).isoformat(), _LAST_PARTITION: max(partitions).isoformat()}
