"""What a delivery of consent.events must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "consent__events",
    rows_where(
        "a change is recorded within a year of taking effect",
        "abs(date_diff('day', valid_at, recorded_at)) > 366",
        severity=WARNING,
    ),
    rows_where("only marketing has a night", "time_band = 'night' and purpose <> 'marketing'", severity=WARNING),
)
