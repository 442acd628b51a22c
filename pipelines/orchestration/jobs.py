"""What runs when: the one job, its schedule, and the sensor for arriving files. Logic lives in the assets."""

import hashlib
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
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
from pipelines.loading.look import Status, look
from pipelines.orchestration.run_tags import tags_to_load
from pipelines.settings import Settings

JOB_NAME = "warehouse"
_PAUSE = timedelta(minutes=15)
_LONGEST_WAIT = timedelta(hours=2)
_BEGUN = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

warehouse_job = define_asset_job(
    JOB_NAME,
    selection=AssetSelection.all(),
    executor_def=in_process_executor,
    description="Load what has arrived, gate it, build the star and the marts, audit and publish.",
)


def morning_schedule(settings: Settings, time_zone: str) -> ScheduleDefinition:
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
        try:
            status = look(settings, now)
        except LockedError as error:
            return SkipReason(f"{error.cause}; the sensor looks every minute whether that has left something to do")
        if (status.is_idle or status.is_empty) and status.completeness.is_complete:
            return SkipReason("nothing new and nothing overdue")
        return RunRequest(run_key=now.isoformat(), tags=tags_to_load(status.sources_file, status.delivery_days, now))

    return every_morning


def arrival_sensor(settings: Settings) -> SensorDefinition:
    """Looks every minute whether a file has arrived, or a failed run has left something to publish."""

    @sensor(
        job=warehouse_job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Starts a run when files have arrived, and again a quarter of an hour after a run has failed.",
    )
    def arriving_files(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        now = datetime.now(UTC)
        try:
            status = look(settings, now)
        except LockedError as error:
            return SkipReason(error.cause)
        if status.is_idle or status.is_empty:
            return SkipReason("nothing new")
        _end_dead_runs(context.instance, now)
        waiting = RunsFilter(job_name=JOB_NAME, statuses=[DagsterRunStatus.QUEUED, *_BEGUN])
        if context.instance.get_run_records(waiting, limit=1):
            return SkipReason("a run is queued or has started")
        last = next(iter(context.instance.get_run_records(RunsFilter(job_name=JOB_NAME), limit=1)), None)
        if last and _is_too_early(last, status, now):
            return SkipReason(f"run {last.dagster_run.run_id} has failed; it is tried again a quarter of an hour later")
        # With the last run, because the same file may come again after another, and a failed run is to be repeated.
        asked = [last.dagster_run.run_id if last else "", *sorted(one.batch_id for one in status.arrivals.to_load)]
        return RunRequest(
            run_key=hashlib.md5("-".join(asked).encode()).hexdigest(),
            tags=tags_to_load(status.sources_file, status.delivery_days, now),
        )

    return arriving_files


def _is_too_early(last: RunRecord, status: Status, now: datetime) -> bool:
    """Whether the last run has just failed, and no file has changed since it began."""
    if last.dagster_run.status not in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
        return False
    ended = last.end_time or 0.0
    began = last.start_time or ended
    is_mended = any(began < one.modified_nanoseconds / 1e9 < now.timestamp() for one in status.arrivals.to_load)
    return now.timestamp() - ended < _PAUSE.total_seconds() and not is_mended


def _end_dead_runs(instance: DagsterInstance, now: datetime) -> None:
    """Record as failed what has not ended although nobody holds the home: its process was killed.

    Dagster would keep every later run in its queue behind it. A run waits an hour for the home at most.
    """
    begun = RunsFilter(job_name=JOB_NAME, statuses=_BEGUN, updated_before=now - _LONGEST_WAIT)
    for record in instance.get_run_records(begun):
        instance.report_run_failed(record.dagster_run, "the process of this run ended before it reported its end")
