"""Runs the one Dagster job in this process, and turns what stopped it into an error a person can act on."""

import re
from contextlib import redirect_stdout
from typing import Any

from dagster import DagsterInstance

from pipelines import errors, run_tags
from pipelines.assets import CANDIDATE, COMPANY, DELIVERIES, IDENTITY, LEDGER, PUBLISHED, feed_key
from pipelines.connections import locked_error
from pipelines.contracts import feeds
from pipelines.definitions import defs, models
from pipelines.errors import AuditError, BuildError, IncompleteError, WarehouseError
from pipelines.event_log import quick_event_log
from pipelines.jobs import JOB_NAME
from pipelines.publish import candidate_file
from pipelines.settings import Settings
from pipelines.shortage import remedy_for_models

# What `dbt_project/macros/refusals.sql` says: the table, how many rows break which rule, and keys of two of them.
_REFUSED = re.compile(r"^.*?refused: (.+)$", re.MULTILINE)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(settings: Settings, tags: dict[str, str], load: bool = True) -> str:
    """Run the job under `tags` and return its run id; with run_tags.FEED, load that feed alone; without `load`, none.

    Raises the WarehouseError that stopped it, and RuntimeError for a fault of the program itself.
    """
    job = defs.resolve_job_def(JOB_NAME)
    # Other feeds are left out of the selection: a step that ran without a result would skip all that hang on it.
    feed = tags.get(run_tags.FEED)
    loading = [DELIVERIES, feed_key(feeds()[feed])] if feed else []
    whole = load and not feed
    selection = None if whole else [*loading, *LEDGER, *IDENTITY, *models.keys, CANDIDATE, PUBLISHED]
    log = settings.dbt_target / "last_run.log"
    # What dbt prints belongs into a log: the command line shows progress instead.
    with (
        quick_event_log(),
        DagsterInstance.get() as instance,
        log.open("w", encoding="utf-8") as file,
        redirect_stdout(file),
    ):
        result = job.execute_in_process(
            instance=instance, tags=tags, raise_on_error=False, run_config=_QUIET, asset_selection=selection
        )
    if not result.success:
        raise _error(settings, list(result.all_events), result.run_id) from None
    return result.run_id


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
            tests = [c.check_name for c in failed_checks if c.severity.value == "ERROR"]
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
