"""What a delivery of consent.refusals must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "consent__refusals",
    rows_where(
        "a telephone number has at least seven digits",
        r"length(regexp_replace(phone, '\PN', '', 'g')) < 7",
        severity=WARNING,
    ),
)
