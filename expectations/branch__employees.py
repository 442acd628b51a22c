"""What a delivery of branch.employees must satisfy."""

from expectations.rules import gate_suite, rows_where

SUITE = gate_suite(
    "branch__employees",
    rows_where("an employee does not leave before being hired", "left_date < hired_date"),
)
