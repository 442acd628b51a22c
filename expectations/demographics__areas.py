"""What a delivery of demographics.areas must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "demographics__areas",
    rows_where(
        "an area has no more households than residents",
        "household_count > population_count",
        severity=WARNING,
    ),
)
