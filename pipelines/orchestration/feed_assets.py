"""Loading as assets: the delivery dates that a run looks at, and one asset per feed.

Only `deliveries` is partitioned: Dagster's event log costs about 20 ms per partition and asset. The others read
the range from the run's tags.
"""

import warnings
from collections.abc import Iterator
from datetime import date

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    BetaWarning,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from pipelines.archive.manifest import require_warehouse
from pipelines.connections import connected
from pipelines.contracts import Feed, feeds
from pipelines.ledger.export import export_state
from pipelines.ledger.loads import conservation
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_feed
from pipelines.loading.raw import FailedRule, LoadResult
from pipelines.orchestration.asset_keys import (
    feed_key,
)
from pipelines.orchestration.backfill import feeds_done, note_done
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home
from pipelines.orchestration.run_tags import BACKFILL, instant, reload_of
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

# Dagster warns of its own beta parameters, which an operator cannot change.
warnings.filterwarnings("ignore", category=BetaWarning)


def delivery_days(settings: Settings) -> DailyPartitionsDefinition:
    """One partition per delivery date, from the first date of the sources file, where there is one, to today."""
    first, zone = date(2020, 1, 1), "Asia/Seoul"
    if settings.sources_file.exists():
        sources_file = load_sources_file(settings.sources_file)
        first, zone = sources_file.first_delivery_date or first, sources_file.company.time_zone
    return DailyPartitionsDefinition(start_date=first.isoformat(), timezone=zone, end_offset=1)


def deliveries_asset(settings: Settings) -> AssetsDefinition:
    """The partitioned asset: a day is materialised when a run has looked at its deliveries."""

    @asset(
        name="deliveries",
        partitions_def=delivery_days(settings),
        backfill_policy=BackfillPolicy.single_run(),
        description=(
            "The delivery dates a run looks at. Which file is in force for each is in ledger.loads. Materialised "
            "without the feeds, it loads its dates again, of every feed; the job's next run builds and publishes them."
        ),
        group_name="load",
        kinds={"duckdb"},
    )
    def deliveries(context: AssetExecutionContext, home: Home) -> MaterializeResult:
        require_warehouse(home.settings)
        finish_interrupted(home.settings)
        with connected(home.settings, home.settings.warehouse) as warehouse:
            create_tables(warehouse)
            export_state(warehouse, home.settings)
            counts = conservation(warehouse)
        # Dagster's pages start a backfill of this asset alone, or before the others, which have no partitions.
        loading = {feed_key(feed) for feed in feeds().values()}
        if loading.isdisjoint(context.job_def.asset_layer.executable_asset_keys):
            _load_again(context, home)
        return MaterializeResult(metadata={f"{name} before": count for name, count in counts.items()})

    return deliveries


def _load_again(context: AssetExecutionContext, home: Home) -> None:
    """Load the partitions of the run again, of every feed; what is refused is judged by the job's next run."""
    if not (reload := reload_of(context.run.tags)):
        return
    today = home.sources_file.company.business_day(instant(context.run.tags))
    for name in feeds():
        report(name, "loading again")
        result = load_feed(home.settings, home.sources_file, name, context.run_id, reload, today=today)
        context.log.info(f"{name}: {result.batches} batches, {result.counts}")
        for reason in result.refused:
            context.log.warning(f"{name}: refused: {reason}")


def feed_asset(feed: Feed) -> AssetsDefinition:
    """The asset of one feed: extract, archive, gate, raw. Its check is the gate's verdict, with counts per rule."""
    key = feed_key(feed)

    @multi_asset(
        name=feed.name,
        specs=[
            AssetSpec(
                key,
                description=f"{feed.description} Fills {', '.join(feed.fills)}.",
                group_name="load",
                kinds={"duckdb", "parquet"},
                deps=[
                    "deliveries",
                    *(feed_key(feeds()[name]) for name in sorted(feed.references)),
                ],
            )
        ],
        check_specs=[AssetCheckSpec("gate", asset=key, description="Great Expectations suite and tolerance.")],
    )
    def load(context: AssetExecutionContext, home: Home) -> Iterator[MaterializeResult | AssetCheckResult]:
        report(feed.name, "looking for deliveries")
        backfill = context.run.tags.get(BACKFILL, "")
        if feed.name in feeds_done(home.settings, backfill):
            result = LoadResult(feed.name)
        else:
            result = load_feed(
                home.settings,
                home.sources_file,
                feed.name,
                context.run_id,
                reload_of(context.run.tags),
                progress=lambda message: report(feed.name, message),
                today=home.sources_file.company.business_day(instant(context.run.tags)),
            )
            if backfill:
                note_done(home.settings, backfill, feed.name)
        counts = {f"rows {name}": count for name, count in result.counts.items()}
        yield MaterializeResult(asset_key=key, metadata={"batches": result.batches, **counts})
        yield AssetCheckResult(
            asset_key=key,
            check_name="gate",
            passed=not result.refused,
            severity=AssetCheckSeverity.ERROR if feed.delivery.required else AssetCheckSeverity.WARN,
            metadata={
                "batches": result.batches,
                **counts,
                "failed rules": MetadataValue.md(_failed_rules(result.failures)),
                "refused": MetadataValue.md("\n".join(f"- {reason}" for reason in result.refused) or "none"),
            },
        )

    return load


def _failed_rules(failures: list[FailedRule]) -> str:
    """A table in Markdown, the rules that hold back first."""
    if not failures:
        return "none"
    lines = ["| rule | means | batches | last observed | limit |", "|---|---|---|---|---|"]
    for failed in failures:
        means = "holds back" if failed.severity == "critical" else "warns"
        lines.append(f"| {failed.rule} | {means} | {failed.batches} | {failed.observed} | {failed.limit} |")
    return "\n".join(lines)
