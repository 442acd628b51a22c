"""What a delivery of call_center.calls must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "call_center__calls",
    rows_where(
        "nobody talks on a call that was not answered",
        "disposition in ('no_answer', 'busy', 'abandoned') and talk_seconds > 0",
        severity=WARNING,
    ),
)
