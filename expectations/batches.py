"""What every batch of every feed must satisfy: rules over `judged_batches`, which has one line per batch.

A rule that compares a batch with other batches warns, because those may be mended later; only where the contract calls
the volume critical does it refuse.
"""

import great_expectations as gx
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.rules import WARNING, audit_suite, batches_where
from pipelines.contracts import Feed
from pipelines.gate.comparisons import missing, referring

TOLERATED = "if(rows_unparsed = rows_read, 0, ceil(tolerance * rows_read)::bigint)"
"""SQL of how many rows of a batch may be held back. Tolerance rounds up to a whole row, and never excuses a batch of
which no record could be read: its one row may be a thousand sales."""


def suite(feed: Feed) -> gx.ExpectationSuite:
    """The rules over the batches of `feed`."""
    references = [
        batches_where(
            f"every {column.name} was delivered by {column.references}",
            f"{missing(column)} > 0",
            observed=f"{missing(column)} || ' of ' || {referring(column)} || ' rows'",
            limit="'0 rows'",
            severity=WARNING,
        )
        for column in feed.columns
        if column.references
    ]
    return audit_suite(
        "batches",
        batches_where(
            "the file can be read and has the contract's columns",
            "fault is not null",
            observed="if(fault is null, 'readable', 'not readable')",
            limit="'readable'",
        ),
        batches_where(
            "no more rows are held back than the contract tolerates",
            f"rows_quarantined > {TOLERATED}",
            observed="rows_quarantined || ' of ' || rows_read || ' rows'",
            limit=f"{TOLERATED} || ' rows'",
        ),
        batches_where(
            "the delivery is as large as those before it",
            "fault is null and rows_read < fewest_rows",
            observed="rows_read || ' rows'",
            limit="coalesce("
            "'at least ' || fewest_rows || ' rows, where ' || round(expected_rows)::bigint || ' are expected', 'none')",
            severity=FailureSeverity(feed.volume.severity),
        ),
        batches_where(
            "the delivery is not far larger than any before it",
            "rows_read > most_rows",
            observed="rows_read || ' rows'",
            limit="coalesce('at most ' || most_rows || ' rows', 'none')",
            severity=WARNING,
        ),
        batches_where(
            "the columns are those of the last delivery",
            "fault is null and changed_columns is not null",
            observed="coalesce(if(fault is null, changed_columns, null), 'the same')",
            limit="coalesce('as delivered on ' || columns_date, 'none')",
            severity=WARNING,
        ),
        batches_where(
            "no key or code holds what looks like a resident or card number",
            "sensitive_columns is not null",
            observed="coalesce(sensitive_columns, '0 values')",
            limit="'0 values'",
            severity=WARNING,
        ),
        *references,
    )
