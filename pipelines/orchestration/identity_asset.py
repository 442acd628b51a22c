"""The identity of customers, as assets."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from dagster import (
    AssetExecutionContext,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from pipelines.identity.resolution import resolve
from pipelines.identity.spellings import note_spellings
from pipelines.orchestration.asset_keys import ASSIGNMENTS, IDENTITY, LEDGER
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home


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
