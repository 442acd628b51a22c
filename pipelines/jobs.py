"""What runs when: the one job, its schedule, and the sensor for arriving files. Logic lives in the assets."""

from datetime import UTC, datetime

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
    sensor,
)

from pipelines.errors import LockedError
from pipelines.run_tags import tags_to_load
from pipelines.settings import Settings
from pipelines.sources.configuration import load_sources_file
from pipelines.state import look

JOB_NAME = "warehouse"

warehouse_job = define_asset_job(
    JOB_NAME,
    selection=AssetSelection.all(),
    executor_def=in_process_executor,
    description="Load what has arrived, gate it, build the star and the marts, audit and publish.",
)


def morning_schedule(time_zone: str) -> ScheduleDefinition:
    """At 05:00 in the company's zone; a morning with nothing new and nothing overdue is skipped."""

    @schedule(
        job=warehouse_job,
        cron_schedule="0 5 * * *",
        execution_timezone=time_zone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Every morning at 05:00 in the company's time zone.",
    )
    def every_morning(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        now = context.scheduled_execution_time
        settings = Settings.from_environment()
        try:
            state = look(settings, now)
        except LockedError:
            # Whoever is writing may not load what has arrived meanwhile: the run waits for its turn.
            tags = tags_to_load(load_sources_file(settings.sources_file), [], now)
            return RunRequest(run_key=now.isoformat(), tags=tags)
        if state.is_idle and state.completeness.is_complete:
            return SkipReason("nothing new and nothing overdue")
        return RunRequest(run_key=now.isoformat(), tags=tags_to_load(state.sources_file, state.delivery_days, now))

    return every_morning


def arrival_sensor() -> SensorDefinition:
    """Looks every minute whether a file has arrived, and asks for one run per set of arrivals."""

    @sensor(
        job=warehouse_job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Starts a run when files have arrived.",
    )
    def arriving_files(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        now = datetime.now(UTC)
        try:
            state = look(Settings.from_environment(), now)
        except LockedError:
            return SkipReason("a run is writing to the warehouse")
        if not state.arrivals.to_load:
            return SkipReason("nothing new")
        key = "-".join(sorted(delivery.batch_id for delivery in state.arrivals.to_load)[:50])
        return RunRequest(
            run_key=f"{len(state.arrivals.to_load)}-{key}",
            tags=tags_to_load(state.sources_file, state.delivery_days, now),
        )

    return arriving_files
