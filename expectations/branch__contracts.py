"""What a delivery of branch.contracts must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "branch__contracts",
    rows_where("a contract does not end before it begins", "end_date < signed_date"),
    rows_where("an ended contract has its end date", "status = 'ended' and end_date is null"),
    rows_where("an ended contract says why", "status = 'ended' and end_reason is null", severity=WARNING),
)
