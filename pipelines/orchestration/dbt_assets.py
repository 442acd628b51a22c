"""The dbt models as assets: one step builds and tests them all, and every test is an asset check."""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
from dagster_dbt.compat import DBT_PYTHON_VERSION

from pipelines.orchestration.check_names import with_short_check_names
from pipelines.orchestration.progress import report
from pipelines.orchestration.resources import Home
from pipelines.publishing.dbt_project import BUILD
from pipelines.publishing.publication import begin_candidate
from pipelines.publishing.schemas import published_schemas


class _Translator(DagsterDbtTranslator):
    """Groups models by topic: staging, then the folders of intermediate and marts. No two groups feed each other."""

    def get_group_name(self, dbt_resource_props: Any) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        layer, topic = dbt_resource_props["fqn"][1:3]
        return layer if layer == "staging" else topic


class Dbt(DbtCliResource):
    """dbt as a process that is started at once: what Dagster would find out first takes longer than its answers."""

    @cached_property
    def _cli_version(self) -> Any:
        """The version of the package, which is the executable's: asking that takes two seconds."""
        return DBT_PYTHON_VERSION

    def _initialize_dbt_core_adapter(self, args: Any) -> Any:
        """No adapter, through which Dagster would ask for counts and columns that nobody wants: one second."""
        return None


def models_asset(manifest: Path) -> AssetsDefinition:
    """All models, seeds and tests of `manifest`, built by one `dbt build`: what is published, into a new candidate.

    Those of them that are chosen alone are built onto a copy of what is published.
    """

    shown = with_short_check_names(json.loads(manifest.read_bytes()))

    @dbt_assets(manifest=shown, name="models", dagster_dbt_translator=_Translator())
    def models(context: AssetExecutionContext, dbt: Dbt, home: Home) -> Iterator[Any]:
        report("models", "starting dbt")
        begin_candidate(home.settings, onto_published=not context.selected_asset_keys >= every_model)
        # Writing a log beside its output, which tells what fails, would cost a tenth of the build.
        invocation = dbt.cli(["--log-level-file", "none", *BUILD], context=context)
        for event in invocation.stream():
            if name := _finished(event):
                report("models", name)
            yield event

    every_model = models.keys
    return models


def published_models(models: AssetsDefinition) -> list[AssetKey]:
    """The keys of the models whose tables are published."""
    return sorted(key for key in models.keys if key.path[0] in published_schemas())


def _finished(event: Any) -> str | None:
    """The model that an event says is built or tested: a test names its asset, a model its node of dbt."""
    if key := getattr(event, "asset_key", None):
        return str(key.path[-1])
    node = (getattr(event, "metadata", None) or {}).get("unique_id")
    return str(node.value).rsplit(".", 1)[-1] if node else None
