"""How expectations are written here: every rule is a sentence that stays true, and reads only its row and batch.

`gate_suite` adds to a feed's own rules those that its contract already states.
"""

from datetime import date

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from pipelines.contracts import Column, Feed, feeds

WARNING = FailureSeverity.WARNING
"""Of a rule that is recorded and holds nothing back; the others are critical."""


def rows_where(rule: str, condition: str, severity: FailureSeverity = FailureSeverity.CRITICAL) -> Expectation:
    """The rule fails on each row for which the SQL `condition` is true."""
    query = f"select batch_id, row_number from {{batch}} where {condition}"
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, description=rule, severity=severity)


def batches_where(
    rule: str, condition: str, observed: str, limit: str, severity: FailureSeverity = FailureSeverity.CRITICAL
) -> Expectation:
    """The rule fails on each line of `judged_batches` for which `condition` is true.

    `observed` and `limit` are SQL texts over the same line: what was found in the batch, and what the rule allows.
    """
    query = f"select batch_id, row_number from {{batch}} where {condition}"
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query,
        description=rule,
        severity=severity,
        meta={"observed": observed, "limit": limit},
    )


def table_where(rule: str, query: str) -> Expectation:
    """The rule fails where `query`, over the published table `{batch}` and its neighbours, returns a row."""
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, description=rule)


def gate_suite(feed_name: str, *own_rules: Expectation) -> gx.ExpectationSuite:
    """The suite of a feed: its contract's rules first, then `own_rules`."""
    return gx.ExpectationSuite(name=feed_name, expectations=[*_contract_rules(feeds()[feed_name]), *own_rules])


def audit_suite(table: str, *rules: Expectation) -> gx.ExpectationSuite:
    """The suite of a published table, named `<schema>__<table>`."""
    return gx.ExpectationSuite(name=table, expectations=list(rules))


# What nobody writes into a code: a sentence, an e-mail address, a telephone number, also with hyphens, which makes nine
# digits or more; a date has eight. Digits are of any script, and are counted without braces, which the engine would
# take for places of its own.
_FREE_TEXT = (
    "length({name}) > 60 or regexp_matches({name}, '[@\uff20]|"
    + r"\pN" * 7
    + "|"
    + "\\pN[-. ()\u2010-\u2015\uff0d]?[-. ()]?" * 8
    + r"\pN"
    + "')"
)


def _contract_rules(feed: Feed) -> list[Expectation]:
    key = ", ".join(feed.key)
    same_key = " and ".join(f"rows.{name} is not distinct from repeated.{name}" for name in feed.key)
    rules: list[Expectation] = [
        rows_where("every character could be decoded", "is_undecodable"),
        rows_where("every value has its type", "unreadable_columns is not null"),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=(
                "select rows.batch_id, rows.row_number from {batch} as rows inner join "
                f"(select batch_id, {key} from {{batch}} where may_share_key group by all having count(*) > 1) "
                f"as repeated on rows.batch_id = repeated.batch_id and {same_key} where rows.may_share_key"
            ),
            description=f"{key} is unique in the delivery",
        ),
    ]
    for column in feed.columns:
        rules += _column_rules(column)
    return rules


def _column_rules(column: Column) -> list[Expectation]:
    name = column.name
    rules: list[Expectation] = []
    if column.required:
        # A value that is there but unreadable fails its type, which says more than "missing".
        missing = (
            f"{name} is null and not list_contains(string_split(coalesce(unreadable_columns, ''), ', '), '{name}')"
        )
        rules.append(rows_where(f"{name} is present", missing))
    if column.values:
        rules.append(
            gxe.ExpectColumnValuesToBeInSet(
                column=name,
                value_set=column.values,
                description=f"{name} is one of {', '.join(column.values)}",
            )
        )
    if column.code:
        rules.append(rows_where(f"{name} is a short code, not free text", _FREE_TEXT.format(name=name)))
    if column.minimum is not None or column.maximum is not None:
        limits = [
            f"{word} {limit}"
            for word, limit in (("at least", column.minimum), ("at most", column.maximum))
            if limit is not None
        ]
        rules.append(
            gxe.ExpectColumnValuesToBeBetween(
                column=name,
                min_value=_limit(column.minimum),
                max_value=_limit(column.maximum),
                description=f"{name} is {' and '.join(limits)}",
            )
        )
    if column.not_after_delivery:
        limit = "delivery_ends_at" if column.data_type == "timestamp" else "delivery_date + 1"
        rules.append(rows_where(f"{name} is not after the delivery", f"{name} >= {limit}"))
    if column.days_before_delivery is not None:
        days = column.days_before_delivery
        # A day is 24 hours of the company's zone here, because the zones that change their clocks change them back.
        limit = (
            f"delivery_ends_at - to_days({days + 1})" if column.data_type == "timestamp" else f"delivery_date - {days}"
        )
        rules.append(
            rows_where(f"{name} is at most {days} days before the delivery", f"{name} < {limit}", severity=WARNING)
        )
    return rules


def _limit(limit: float | str | None) -> float | date | None:
    """A limit of a contract as Great Expectations takes it: a date where the contract writes one."""
    return date.fromisoformat(limit) if isinstance(limit, str) else limit
