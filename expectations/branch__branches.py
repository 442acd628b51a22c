"""What a delivery of branch.branches must satisfy."""

from expectations.rules import gate_suite, rows_where

SUITE = gate_suite(
    "branch__branches",
    rows_where("a branch does not close before it opens", "closed_date < opened_date"),
)
