"""The dbt models as assets: one step builds and tests them all, and every test is an asset check."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from pipelines.content_hash import PUBLISHED_SCHEMAS
from pipelines.progress import report


class _Translator(DagsterDbtTranslator):
    """Groups models by topic: staging, then the folders of intermediate and marts. No two groups feed each other."""

    def get_group_name(self, dbt_resource_props: Any) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        layer, topic = dbt_resource_props["fqn"][1:3]
        return layer if layer == "staging" else topic


def models_asset(manifest: Path) -> AssetsDefinition:
    """All models, seeds and tests of `manifest`, built by one `dbt build`."""

    @dbt_assets(manifest=manifest, name="models", dagster_dbt_translator=_Translator())
    def models(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        report("models", "starting dbt")
        # Unit tests prove the code, on one zone and currency; `make test` runs them.
        # Its log of every statement would cost a tenth of the build; what fails is told in its output.
        invocation = dbt.cli(
            ["--log-level-file", "info", "build", "--exclude-resource-type", "unit_test"], context=context
        )
        for event in invocation.stream():
            if name := _finished(event):
                report("models", name)
            yield event

    return models


def published_models(models: AssetsDefinition) -> list[AssetKey]:
    """The keys of the models whose tables are published."""
    return sorted(key for key in models.keys if key.path[0] in PUBLISHED_SCHEMAS)


def _finished(event: Any) -> str | None:
    key = getattr(event, "asset_key", None)
    return key.path[-1] if key else None
