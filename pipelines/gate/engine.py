"""Runs a Great Expectations suite over a table and tells, for each expectation, which rows fail it.

Which rules there are is said in `expectations/`; what a failure means for rows and batches, in
`pipelines/gate/verdicts.py`.
Importing Great Expectations takes seconds, so only a process that gates something imports this module.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

import duckdb
import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from sqlalchemy.pool import NullPool

from pipelines.errors import GateBrokenError
from pipelines.gate.dialect import URL, lent

# SUMMARY without values: no personal data enters a result.
_RESULT_FORMAT: dict[str, Any] = {
    "result_format": "SUMMARY",
    "exclude_unexpected_values": True,
    "partial_unexpected_count": 0,
}
# With these, GX hands back its own query for all failing rows, so that no rule is written twice.
_ROW_TRACING: dict[str, Any] = {
    "unexpected_index_column_names": ["batch_id", "row_number"],
    "return_unexpected_index_query": True,
}


@dataclass(frozen=True)
class Judgement:
    """What one expectation said of the whole table.

    `failing_rows` is a query of (batch_id, row_number, ...) over the judged table, None where it passed or where
    failures are not traced to rows; `severity` is critical or warning. `observed` and `limit` are SQL texts over a line
    of the judged table, where the rule is one over batches.
    """

    rule: str
    severity: str
    passed: bool
    failing_rows: str | None
    observed: str | None = None
    limit: str | None = None


_numbers = count()


@lru_cache(maxsize=1)
def _source() -> Any:
    """The one data source of this process, whatever database is lent; to make one takes as long as some rules."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # The type stub of add_sql does not know kwargs, which its documentation gives.
    return context.data_sources.add_sql("lent", connection_string=URL, kwargs={"poolclass": NullPool})  # type: ignore[call-arg]


def judge(gate: duckdb.DuckDBPyConnection, table: str, suite: gx.ExpectationSuite) -> list[Judgement]:
    """One judgement per expectation of `suite` over `table`, which has batch_id and row_number, in the suite's order.

    Raises GateBrokenError where the engine itself failed on any expectation, because that is neither a pass nor a
    failure.
    """
    return _judge(gate, None, table, suite, result_format=_RESULT_FORMAT | _ROW_TRACING)


def judge_published(
    published: duckdb.DuckDBPyConnection, schema: str, table: str, suite: gx.ExpectationSuite
) -> list[Judgement]:
    """The same over a table of a published file; failures are not traced to rows."""
    return _judge(published, schema, table, suite, result_format=_RESULT_FORMAT)


def _judge(
    database: duckdb.DuckDBPyConnection,
    schema: str | None,
    table: str,
    suite: gx.ExpectationSuite,
    result_format: dict[str, Any],
) -> list[Judgement]:
    with lent(database):
        return _judged(schema, table, suite, result_format)


def _judged(
    schema: str | None, table: str, suite: gx.ExpectationSuite, result_format: dict[str, Any]
) -> list[Judgement]:
    # A data source refuses a name twice, and one process judges the same table of many files.
    name = f"{suite.name}-{next(_numbers)}"
    try:
        asset = _source().add_table_asset(name, table_name=table, schema_name=schema)
    except ConnectionError as error:
        raise GateBrokenError(
            f"suite {suite.name}: the table {table} cannot be read: {str(error).splitlines()[0]}",
            f"see that the table is there, or remove expectations/{suite.name}.py with it",
        ) from error
    # A validation definition would keep suite and result in the context's stores, which costs as much as judging.
    result = asset.get_batch(asset.build_batch_request()).validate(suite, result_format=result_format)
    is_traced = result_format.get("return_unexpected_index_query", False)
    found = {
        judgement.rule: judgement
        for judgement in (_judgement(outcome, suite.name, table, is_traced) for outcome in result.results)
    }
    return [found[str(expectation.description)] for expectation in suite.expectations]


def _judgement(outcome: Any, suite: str, table: str, is_traced: bool) -> Judgement:
    configuration = outcome.expectation_config
    rule = str(configuration.description)
    if _raised(outcome.exception_info):
        raise GateBrokenError(
            f"suite {suite}: the engine could not judge “{rule}”: {_first_message(outcome.exception_info)}",
            f"mend that expectation in expectations/{suite}.py; until then the gate stays closed",
        )
    failing_rows = None
    if is_traced and not outcome.success:
        own_query = configuration.kwargs.get("unexpected_rows_query", "").replace("{batch}", f'"{table}"')
        failing_rows = (outcome.result.get("unexpected_index_query") or own_query).strip().rstrip(";")
        # A failure without its rows would hold nothing back.
        if not failing_rows:
            raise GateBrokenError(
                f"suite {suite}: “{rule}” failed, but the engine does not say in which rows",
                f"write it in expectations/{suite}.py as a rule over rows",
            )
    own = configuration.meta or {}
    return Judgement(
        rule,
        str(configuration.severity.value),
        bool(outcome.success),
        failing_rows,
        own.get("observed"),
        own.get("limit"),
    )


def _raised(information: dict[str, Any] | None) -> bool:
    """Whether the outcome is an engine error. GX nests one report per metric where a metric failed."""
    if not information:
        return False
    if "raised_exception" in information:
        return bool(information["raised_exception"])
    return any(
        (isinstance(report, dict) and report.get("raised_exception", True)) or isinstance(report, str)
        for report in information.values()
    )


def _first_message(information: dict[str, Any]) -> str:
    reports = [information] if "exception_message" in information else list(information.values())
    for report in reports:
        message = (
            report.get("exception_message") if isinstance(report, dict) else getattr(report, "exception_message", None)
        )
        if message:
            return str(message).splitlines()[0]
    return "no message"
