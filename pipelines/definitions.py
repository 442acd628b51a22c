"""Assembles what Dagster loads. Nothing is decided here."""

import os

from dagster import Definitions

from pipelines.contracts import feeds
from pipelines.orchestration.assets import (
    candidate_asset,
    deliveries_asset,
    feed_asset,
    identity,
    ledger_asset,
    publish,
)
from pipelines.orchestration.dbt_assets import Dbt, models_asset, published_models
from pipelines.orchestration.jobs import arrival_sensor, morning_schedule, warehouse_job
from pipelines.orchestration.resources import Home
from pipelines.publishing.dbt_project import DBT_EXECUTABLE, dbt_environment, ensure_manifest
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.sources.configuration import Company
from pipelines.sources.sources_file import load_sources_file

settings = Settings.from_environment()
company = load_sources_file(settings.sources_file).company if settings.sources_file.exists() else Company()
os.environ.update(dbt_environment(settings, company))
models = models_asset(ensure_manifest(settings, company))

defs = Definitions(
    assets=[
        deliveries_asset(settings),
        *(feed_asset(feed) for feed in feeds().values()),
        ledger_asset(),
        identity,
        models,
        candidate_asset(published_models(models)),
        publish,
    ],
    jobs=[warehouse_job],
    schedules=[morning_schedule(company.time_zone)],
    sensors=[arrival_sensor()],
    resources={
        "home": Home(),
        "dbt": Dbt(
            project_dir=str(PROJECT_ROOT),
            profiles_dir=str(PROJECT_ROOT),
            dbt_executable=str(DBT_EXECUTABLE),
            global_config_flags=["--no-use-colors"],
        ),
    },
)
