"""Runs the one Dagster job in this process, and turns what stopped it into an error a person can act on."""

import re
from contextlib import redirect_stdout
from typing import Any

from dagster import AssetKey, DagsterInstance
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from pipelines import errors
from pipelines.connections import locked_error
from pipelines.contracts import feeds
from pipelines.definitions import defs
from pipelines.errors import AuditError, BuildError, IncompleteError, WarehouseError
from pipelines.home.shortage import remedy_for_models
from pipelines.orchestration import run_tags
from pipelines.orchestration.asset_keys import CANDIDATE, COMPANY, DELIVERIES, feed_key
from pipelines.orchestration.code_location import job_origin
from pipelines.orchestration.event_log import quick_event_log
from pipelines.orchestration.jobs import JOB_NAME
from pipelines.publishing.publication import candidate_file
from pipelines.settings import Settings

# What `dbt_project/macros/refusals.sql` says: the table, how many rows break which rule, and keys of two of them.
_REFUSED = re.compile(r"^.*?refused: (.+)$", re.MULTILINE)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(settings: Settings, tags: dict[str, str], load: bool = True) -> str:
    """Run the job under `tags` and return its run id; with run_tags.FEED, load that feed alone; without `load`, none.

    Raises the WarehouseError that stopped it, and RuntimeError for a fault of the program itself.
    """
    job = defs.resolve_job_def(JOB_NAME)
    every = set(job.asset_layer.executable_asset_keys)
    chosen = assets_to_run(every, tags.get(run_tags.FEED), load)
    log = settings.dbt_target / "last_run.log"
    # What dbt prints belongs into a log: the command line shows progress instead.
    with (
        quick_event_log(),
        DagsterInstance.get() as instance,
        log.open("w", encoding="utf-8") as file,
        redirect_stdout(file),
    ):
        # In two steps, because a run that Dagster makes while it executes it belongs to no code location.
        run = instance.create_run_for_job(
            job,
            tags=tags,
            run_config=_QUIET,
            asset_selection=None if chosen == every else chosen,
            remote_job_origin=job_origin(JOB_NAME),
        )
        result = execute_run(InMemoryJob(job), run, instance)
    if not result.success:
        raise _error(settings, list(result.all_events), result.run_id) from None
    return result.run_id


def assets_to_run(every: set[AssetKey], feed: str | None, load: bool) -> set[AssetKey]:
    """Those of `every` asset that a run has: without `load` no feed, and with `feed` that one alone."""
    # Other feeds are left out, because a step that ran without a result would skip all that hang on it.
    loading = {DELIVERIES, *(feed_key(one) for one in feeds().values())}
    wanted = {DELIVERIES, feed_key(feeds()[feed])} if feed else loading if load else set()
    return every - (loading - wanted)


def _error(settings: Settings, events: list[Any], run_id: str) -> Exception:
    failed_checks = [
        evaluation
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not (evaluation := event.event_specific_data).passed
    ]
    for evaluation in failed_checks:
        if evaluation.asset_key == COMPANY:
            return IncompleteError(
                "a required delivery is missing or refused; the others are loaded, nothing is published:\n  "
                + "\n  ".join(_metadata(evaluation, "missing or refused").splitlines()),
                "deliver or mend these files and run again; `crmdw status` shows all of them",
            )
    failures = {e.step_key: e.event_specific_data.error for e in events if e.event_type_value == "STEP_FAILURE"}
    for step, failure in failures.items():
        if known := _known_error(failure):
            return known
        if locked := _locked_error(failure):
            return locked
        if step == "models":
            tests = [f"{c.asset_key.path[-1]}.{c.check_name}" for c in failed_checks if c.severity.value == "ERROR"]
            refused = _REFUSED.findall(failure.message)
            cause = "dbt could not build the models"
            if tests:
                cause += f"; failed tests: {', '.join(tests)}"
            if refused:
                cause += ":\n  " + "\n  ".join(dict.fromkeys(refused))
            elif not tests:
                cause += f":\n{_dbt_message(failure.message)}"
            return BuildError(cause, remedy_for_models(failure.message, run_id))
        if step == "candidate" and failed_checks:
            faults = [f"{c.check_name}: {_metadata(c, 'faults')}" for c in failed_checks if c.asset_key == CANDIDATE]
            return AuditError(
                "the audit refused the candidate:\n  " + "\n  ".join(faults),
                f"look at these rows in {candidate_file(settings)}; the published file stays what it was",
            )
    step, failure = next(iter(failures.items()), ("the job", None))
    return RuntimeError(f"{step}: {failure.to_string() if failure else 'failed'}")


def _known_error(failure: Any) -> WarehouseError | None:
    """The project's own error somewhere in a chain of causes, made again from its name and text."""
    while failure is not None:
        kind = getattr(errors, failure.cls_name or "", None)
        if isinstance(kind, type) and issubclass(kind, WarehouseError):
            text = failure.message.split(": ", 1)[1].strip()
            cause, _, remedy = text.partition("\nRemedy: ")
            return kind(cause, remedy)
        failure = failure.cause
    return None


def _locked_error(failure: Any) -> WarehouseError | None:
    """A DuckDB file that another process has open, as DuckDB says it somewhere in a chain of causes."""
    while failure is not None:
        if locked := locked_error(failure.message):
            return locked
        failure = failure.cause
    return None


def _metadata(evaluation: Any, name: str) -> str:
    value = evaluation.metadata.get(name)
    return str(getattr(value, "text", value))


def _dbt_message(message: str) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", message).strip().splitlines()
    return "\n".join(lines[-20:])


def step_names(load: bool = True) -> list[str]:
    """The steps that report progress, in the order in which they run."""
    return [*(feeds() if load else []), "ledger", "identity", "models", "candidate", "publish"]
