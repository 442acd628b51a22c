"""The assets of the one job, from the delivered files to the published one; each body is a few lines.

Only `deliveries` is partitioned: Dagster's event log costs about 20 ms per partition and asset. The others read
the range from the run's tags.
"""

import warnings
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
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
from pipelines.identity.resolution import resolve
from pipelines.identity.spellings import note_spellings
from pipelines.ledger.export import export_state
from pipelines.ledger.loads import conservation, current_loads
from pipelines.ledger.tables import create_tables
from pipelines.loading.completeness import assess
from pipelines.loading.feed import load_feed
from pipelines.loading.ledger_lines import write_completeness
from pipelines.loading.raw import FailedRule, LoadResult
from pipelines.orchestration.backfill import feeds_done, note_done
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home
from pipelines.orchestration.run_tags import BACKFILL, instant, reload_of
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.publishing.publication import (
    PUBLISHED_TABLES_ALONE,
    audit_candidate,
    audited_tables,
    close_candidate,
    publish_candidate,
)
from pipelines.quality.freshness import freshness
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

# Dagster warns of its own beta parameters, which an operator cannot change.
warnings.filterwarnings("ignore", category=BetaWarning)

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


def feed_key(feed: Feed) -> AssetKey:
    """The asset key of a feed, which is also that of its dbt source."""
    return AssetKey([feed.source, feed.table])


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


def ledger_asset() -> AssetsDefinition:
    """The ledger after loading. Its blocking check keeps an incomplete load from being built and published."""

    @multi_asset(
        name="ledger",
        specs=[
            AssetSpec(
                AssetKey(["ledger", table]),
                description=description,
                group_name="load",
                kinds={"duckdb"},
                deps=[feed_key(feed) for feed in feeds().values()],
            )
            for table, description in (
                ("company", "Time zone, currency and the last day with all required feeds loaded."),
                ("loads", "One line per batch, with counts that add up."),
                ("shortfalls", "One line per delivery that is overdue or refused."),
                ("gate_results", "One line per batch and rule: what was observed, and what the rule allows."),
                ("pruned_batches", "One line per batch that was pruned by age, of rows or of its archive."),
            )
        ],
        check_specs=[
            AssetCheckSpec(
                "required_deliveries",
                asset=COMPANY,
                blocking=True,
                description="No required delivery is overdue or refused; otherwise nothing is built and published.",
            ),
            AssetCheckSpec(
                "conservation",
                asset=AssetKey(["ledger", "loads"]),
                blocking=True,
                description="Rows read are those loaded, held back, repeated, unchanged and blocked, with none left.",
            ),
            AssetCheckSpec("freshness", asset=SHORTFALLS, description="Last delivery, due time and delay per feed."),
        ],
    )
    def ledger(context: AssetExecutionContext, home: Home) -> Iterator[MaterializeResult | AssetCheckResult]:
        report("ledger", "checking that nothing required is missing")
        sources_file = home.sources_file
        now = instant(context.run.tags)
        with connected(home.settings, home.settings.warehouse) as warehouse:
            loads = current_loads(warehouse)
            state = assess(sources_file, loads, now)
            write_completeness(warehouse, sources_file.company, state, now)
            counts = conservation(warehouse)
        yield MaterializeResult(asset_key=COMPANY, metadata={"complete date": str(state.complete_date)})
        yield MaterializeResult(asset_key=AssetKey(["ledger", "loads"]), metadata=counts)
        yield MaterializeResult(asset_key=SHORTFALLS, metadata={"shortfalls": len(state.shortfalls)})
        yield MaterializeResult(asset_key=GATE_RESULTS)
        yield MaterializeResult(asset_key=PRUNED_BATCHES)
        yield AssetCheckResult(
            asset_key=AssetKey(["ledger", "loads"]),
            check_name="conservation",
            passed=counts["read"] == sum(counts[name] for name in counts if name not in ("read", "batches", "refused")),
            metadata=counts,
        )
        yield AssetCheckResult(
            asset_key=COMPANY,
            check_name="required_deliveries",
            passed=state.is_complete,
            metadata={
                "missing or refused": "\n".join(state.required) or "none",
                "optional, missing or refused": "\n".join(state.optional) or "none",
            },
        )
        lines = freshness(sources_file, loads, now)
        yield AssetCheckResult(
            asset_key=SHORTFALLS,
            check_name="freshness",
            passed=not any(line.overdue for line in lines),
            severity=AssetCheckSeverity.WARN,
            metadata={
                "deliveries overdue": sum(len(line.overdue) for line in lines),
                **{f"{line.source_system} {line.feed}": line.text for line in lines},
            },
        )

    return ledger


@multi_asset(
    name="identity",
    specs=[
        AssetSpec(key, description=description, group_name="identity", kinds={"duckdb"}, deps=LEDGER)
        for key, description in zip(
            IDENTITY,
            (
                "Which customer each source record belongs to, and belonged to before.",
                "What merged, split and moved, and when that was found.",
                "One line per source record and telephone number, with the days on which it was the record's.",
                "One line per address as it is written, taken apart.",
                "One line per name as it is written on mail without a customer number, or where such mail went.",
            ),
            strict=True,
        )
    ],
)
def identity(context: AssetExecutionContext, home: Home) -> Iterator[MaterializeResult]:
    """Resolve identity for what is new, changed or decided since the last time."""
    report("identity", "resolving identity")
    now = datetime.now(UTC).replace(tzinfo=None)
    found = resolve(home.settings, context.run_id, now, progress=lambda message: report("identity", message))
    report("identity", "taking names and addresses apart")
    note_spellings(home.settings)
    for key in IDENTITY:
        yield MaterializeResult(asset_key=key, metadata=asdict(found) if key == ASSIGNMENTS else {})


def candidate_asset(published_models: list[AssetKey]) -> AssetsDefinition:
    """The candidate, which dbt has built, and its audit: one blocking check per suite, and one for all tables."""

    @multi_asset(
        name="candidate",
        specs=[
            AssetSpec(
                CANDIDATE,
                description="A new file with all that will be published, not yet in place.",
                group_name="publish",
                kinds={"duckdb"},
                deps=published_models,
            )
        ],
        check_specs=[
            AssetCheckSpec(
                PUBLISHED_TABLES_ALONE,
                asset=CANDIDATE,
                blocking=True,
                description="The file holds tables of the published schemas, and neither views nor anything else.",
            ),
            *(
                AssetCheckSpec(
                    name,
                    asset=CANDIDATE,
                    blocking=True,
                    description=f"Great Expectations suite of {name.replace('__', '.')}, as it would be published.",
                )
                for name in audited_tables()
            ),
        ],
    )
    def candidate(context: AssetExecutionContext, home: Home) -> Iterator[MaterializeResult | AssetCheckResult]:
        report("candidate", "closing the new file")
        rows = close_candidate(home.settings)
        yield MaterializeResult(asset_key=CANDIDATE, metadata={"dagster/row_count": sum(rows.values()), **rows})
        # While dbt builds, it alone has the files; each model's own page shows the count as an observation.
        for key in published_models:
            count = rows.get(".".join(key.path), 0)
            context.log_event(AssetObservation(key, metadata={"dagster/row_count": count}))
        report("candidate", "auditing the new file")
        for verdict in audit_candidate(home.settings):
            yield AssetCheckResult(
                asset_key=CANDIDATE,
                check_name=verdict.name,
                passed=not verdict.faults,
                metadata={"rules": verdict.rules, "faults": "\n".join(verdict.faults) or "none"},
            )

    return candidate


@multi_asset(
    name="publish",
    specs=[
        AssetSpec(
            PUBLISHED,
            description="The file that analysts and BI tools open, put in place by one rename.",
            group_name="publish",
            kinds={"duckdb"},
            deps=[CANDIDATE],
        )
    ],
)
def publish(context: AssetExecutionContext, home: Home) -> MaterializeResult:
    """Put the audited candidate in place."""
    report("publish", "putting the new file in place")
    publication = publish_candidate(home.settings, context.run_id)
    if publication.stray_log:
        context.log.warning(f"a stray write-ahead log was moved aside to {publication.stray_log}")
    return MaterializeResult(
        asset_key=PUBLISHED,
        metadata={
            "path": MetadataValue.path(publication.path),
            "content hash": publication.content_hash,
            "stray log": str(publication.stray_log or "none"),
            "dagster/row_count": sum(publication.rows.values()),
            **publication.rows,
        },
    )
