"""When the sensor and the schedule ask for a run, and when they leave a home alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
    job,
    op,
    reconstructable,
)
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from pipelines.errors import LockedError
from pipelines.loading.completeness import Completeness
from pipelines.loading.look import Status
from pipelines.orchestration import jobs
from pipelines.orchestration.jobs import arrival_sensor, morning_schedule
from pipelines.sources.deliveries import Arrivals, Delivery

TODAY = datetime.now(UTC).date()
SOURCES: Any = SimpleNamespace(company=SimpleNamespace(time_zone="Asia/Seoul"), first_delivery_date=TODAY)
SETTINGS: Any = SimpleNamespace()
SOURCE: Any = SimpleNamespace(source_system="branch", feed="branch__customers")


@op
def succeed_unless_told() -> None:
    if os.environ.get("RUN_FAILS"):
        raise ZeroDivisionError


@job(name="warehouse")
def small_job() -> None:
    succeed_unless_told()


def delivered(*contents: str, changed: float = 0) -> Arrivals:
    return Arrivals(
        [Delivery(SOURCE, Path(text), TODAY, text, 1, int(changed * 1e9), f"hash of {text}") for text in contents]
    )


def status(arrivals: Arrivals, is_published: bool = False, missing: bool = False, is_new: bool = False) -> Status:
    shortfalls: Any = [SimpleNamespace(is_required=True, text="overdue")] if missing else []
    batches = [] if is_new else [("branch__customers", "branch", 1, 0, TODAY, TODAY, 1, 0)]
    return Status(SOURCES, arrivals, Completeness(TODAY, shortfalls), {}, is_published, batches)


@pytest.fixture
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def look(monkeypatch):
    """Has the jobs find a status, or an error, when they look."""

    def find(found: Status | Exception) -> None:
        def look(*_: object) -> Status:
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(jobs, "look", look)

    return find


@pytest.fixture
def ask(look, instance):
    def ask(found: Status | Exception) -> RunRequest | SkipReason:
        look(found)
        return arrival_sensor(SETTINGS)(build_sensor_context(instance=instance))

    return ask


@pytest.fixture
def run(instance, monkeypatch):
    def run(fails: bool = False) -> None:
        monkeypatch.setenv("RUN_FAILS", "1" if fails else "")
        small_job.execute_in_process(instance=instance, raise_on_error=False)

    return run


def is_skipped(answer: Any, text: str) -> bool:
    return isinstance(answer, SkipReason) and text in answer.skip_message


def test_files_that_have_arrived_are_asked_for_once_until_a_run_has_ended(ask, run):
    first, again = ask(status(delivered("a"))), ask(status(delivered("a")))
    assert first.run_key == again.run_key
    run()
    assert ask(status(delivered("a"))).run_key != first.run_key


def test_every_one_of_many_files_counts(ask):
    names = [f"{number}" for number in range(100)]
    keys = {ask(status(delivered(*names[:count]))).run_key for count in range(50, 101)}
    assert len(keys) == 51


def test_a_file_that_comes_again_after_another_is_asked_for_again(ask, run):
    keys = set()
    for content in ("a", "b", "a"):
        keys.add(ask(status(delivered(content))).run_key)
        run()
    assert len(keys) == 3


def test_a_failed_run_is_asked_for_again_after_a_pause_only(ask, run, monkeypatch):
    first = ask(status(delivered("a")))
    run(fails=True)
    assert is_skipped(ask(status(delivered("a"))), "has failed; it is tried again")
    monkeypatch.setattr(jobs, "_PAUSE", timedelta(0))
    again = ask(status(delivered("a")))
    assert isinstance(again, RunRequest)
    assert again.run_key != first.run_key


def test_a_file_that_was_mended_since_the_failed_run_is_not_kept_waiting(ask, run):
    run(fails=True)
    assert isinstance(ask(status(delivered("a", changed=datetime.now(UTC).timestamp()))), RunRequest)


def test_a_file_from_the_future_is_kept_waiting_like_any_other(ask, run):
    run(fails=True)
    assert isinstance(ask(status(delivered("a", changed=datetime.now(UTC).timestamp() + 3600))), SkipReason)


def test_what_a_failed_run_has_loaded_but_not_published_is_asked_for_too(ask, run, monkeypatch):
    monkeypatch.setattr(jobs, "_PAUSE", timedelta(0))
    run(fails=True)
    assert isinstance(ask(status(Arrivals())), RunRequest)


@pytest.mark.parametrize(
    "found",
    [
        status(Arrivals(), is_published=True),
        status(Arrivals(), missing=True),
        status(Arrivals(), is_new=True),
    ],
    ids=["all is published", "a required delivery is missing still", "nothing has ever arrived"],
)
def test_a_home_where_a_run_would_change_nothing_is_left_alone(ask, found):
    assert is_skipped(ask(found), "nothing new")


@pytest.mark.parametrize("event", [DagsterEventType.PIPELINE_ENQUEUED, DagsterEventType.PIPELINE_START])
def test_no_second_run_is_asked_for_while_one_is_queued_or_has_started(ask, instance, event):
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="pipelines.definitions"))
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), small_job.name)
    run = instance.create_run_for_job(
        small_job, remote_job_origin=origin, job_code_origin=reconstructable(small_job).get_python_origin()
    )
    instance.report_dagster_event(DagsterEvent(event.value, small_job.name), run.run_id)
    assert is_skipped(ask(status(delivered("a"))), "queued or has started")


def test_a_run_whose_process_was_killed_does_not_keep_the_others_waiting(ask, instance, monkeypatch):
    monkeypatch.setattr(jobs, "_LONGEST_WAIT", timedelta(hours=-1))
    monkeypatch.setattr(jobs, "_PAUSE", timedelta(hours=-1))
    dead = instance.create_run_for_job(small_job, status=DagsterRunStatus.STARTED)
    assert isinstance(ask(status(delivered("a"))), RunRequest)
    assert instance.get_run_by_id(dead.run_id).status == DagsterRunStatus.FAILURE


def test_the_sensor_leaves_a_home_alone_that_somebody_is_writing_to(ask):
    assert is_skipped(ask(LockedError("“crmdw run” (process 1) is writing", "wait")), "process 1")


def test_the_schedule_starts_no_second_run_behind_a_running_one(look):
    look(LockedError("“crmdw run” (process 1) is writing", "wait"))
    context = build_schedule_context(scheduled_execution_time=datetime.now(UTC))
    assert is_skipped(morning_schedule(SETTINGS, "Asia/Seoul")(context), "the sensor looks every minute")


@pytest.mark.parametrize(("missing", "expected"), [(True, RunRequest), (False, SkipReason)])
def test_the_schedule_runs_where_a_required_delivery_is_overdue_so_that_it_is_seen(look, missing, expected):
    look(status(Arrivals(), is_published=True, missing=missing))
    context = build_schedule_context(scheduled_execution_time=datetime.now(UTC))
    assert isinstance(morning_schedule(SETTINGS, "Asia/Seoul")(context), expected)
