"""The candidate with its audit, and the published file, as assets."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from pipelines.orchestration.asset_keys import (
    CANDIDATE,
    PUBLISHED,
)
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home
from pipelines.publishing.publication import (
    PUBLISHED_TABLES_ALONE,
    audit_candidate,
    audited_tables,
    close_candidate,
    publish_candidate,
)


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
