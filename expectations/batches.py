"""What every batch of every feed must satisfy: rules over the table `batches`, which has one line per batch.

Its row_number is always 0, so that verdicts are traced to batches the way other verdicts are traced to rows.
"""

from expectations.rules import audit_suite, rows_where

SUITE = audit_suite(
    "batches",
    rows_where("the file can be read and has the contract's columns", "fault is not null"),
    rows_where(
        "no more rows are held back than the contract tolerates",
        "rows_quarantined > ceil(tolerance * rows_read)",
    ),
)
