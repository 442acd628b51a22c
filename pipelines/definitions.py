"""Assembles what Dagster loads. Nothing is decided here."""

from dagster import Definitions, in_process_executor

from pipelines.contracts import feeds
from pipelines.orchestration.dbt_assets import Dbt, models_asset, published_models
from pipelines.orchestration.feed_assets import deliveries_asset, feed_asset
from pipelines.orchestration.identity_asset import identity
from pipelines.orchestration.jobs import arrival_sensor, morning_schedule, warehouse_job
from pipelines.orchestration.ledger_asset import ledger_asset
from pipelines.orchestration.publish_assets import candidate_asset, publish
from pipelines.orchestration.resources import Home
from pipelines.publishing.dbt_project import DBT_EXECUTABLE, ensure_manifest
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.sources.configuration import Company
from pipelines.sources.sources_file import load_sources_file

OWNER = "team:crm-warehouse"


def build_defs(settings: Settings) -> Definitions:
    """All that Dagster is given of one home. Its sources file may be missing still; dbt's manifest is then made.

    Raises BuildError where the dbt project does not parse, SourcesFileError where there is a wrong sources file.
    """
    company = load_sources_file(settings.sources_file).company if settings.sources_file.exists() else Company()
    models = models_asset(ensure_manifest(settings, company))
    assets = [
        deliveries_asset(settings),
        *(feed_asset(feed) for feed in feeds().values()),
        ledger_asset(),
        identity,
        models,
        candidate_asset(published_models(models)),
        publish,
    ]
    return Definitions(
        assets=[one.map_asset_specs(lambda spec: spec.replace_attributes(owners=[OWNER])) for one in assets],
        jobs=[warehouse_job],
        # A run of assets that Dagster's pages start without the job is one process too: one home has one writer.
        executor=in_process_executor,
        schedules=[morning_schedule(settings, company.time_zone)],
        sensors=[arrival_sensor(settings)],
        resources={
            "home": Home.of(settings),
            "dbt": Dbt(
                project_dir=str(PROJECT_ROOT),
                profiles_dir=str(PROJECT_ROOT),
                dbt_executable=str(DBT_EXECUTABLE),
                global_config_flags=["--no-use-colors"],
            ),
        },
    )


defs = build_defs(Settings.from_environment())
