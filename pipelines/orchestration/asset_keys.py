"""The keys of the assets of the one job, for whoever chooses among them or reads their events."""

from dagster import AssetKey

from pipelines.contracts import Feed

CANDIDATE = AssetKey(["published", "candidate"])
PUBLISHED = AssetKey(["published", "crm"])
DELIVERIES = AssetKey("deliveries")
COMPANY = AssetKey(["ledger", "company"])
SHORTFALLS = AssetKey(["ledger", "shortfalls"])
GATE_RESULTS = AssetKey(["ledger", "gate_results"])
PRUNED_BATCHES = AssetKey(["ledger", "pruned_batches"])
LEDGER = [COMPANY, AssetKey(["ledger", "loads"]), SHORTFALLS, GATE_RESULTS, PRUNED_BATCHES]
ASSIGNMENTS = AssetKey(["identity", "assignments"])
IDENTITY = [
    ASSIGNMENTS,
    AssetKey(["identity", "events"]),
    *(AssetKey(["resolution", table]) for table in ("phones", "addresses", "names")),
]


def feed_key(feed: Feed) -> AssetKey:
    """The asset key of a feed, which is also that of its dbt source."""
    return AssetKey([feed.source, feed.table])
