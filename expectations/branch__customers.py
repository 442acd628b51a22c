"""What a delivery of branch.customers must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "branch__customers",
    rows_where(
        "a corporation has neither sex nor birth date",
        "party_type = 'corporation' and (sex is not null or birth_date is not null)",
        severity=WARNING,
    ),
)
