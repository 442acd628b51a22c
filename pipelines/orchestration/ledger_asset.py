"""The ledger after loading, as assets, with the checks that keep an incomplete load from being published."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.ledger.loads import conservation, current_loads
from pipelines.loading.completeness import assess
from pipelines.loading.ledger_lines import write_completeness
from pipelines.orchestration.asset_keys import COMPANY, GATE_RESULTS, PRUNED_BATCHES, SHORTFALLS, feed_key
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home
from pipelines.orchestration.run_tags import instant
from pipelines.quality.freshness import freshness


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
            completeness = assess(sources_file, loads, now)
            write_completeness(warehouse, sources_file.company, completeness, now)
            counts = conservation(warehouse)
        yield MaterializeResult(asset_key=COMPANY, metadata={"complete date": str(completeness.complete_date)})
        yield MaterializeResult(asset_key=AssetKey(["ledger", "loads"]), metadata=counts)
        yield MaterializeResult(asset_key=SHORTFALLS, metadata={"shortfalls": len(completeness.shortfalls)})
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
            passed=completeness.is_complete,
            metadata={
                "missing or refused": "\n".join(completeness.required) or "none",
                "optional, missing or refused": "\n".join(completeness.optional) or "none",
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
