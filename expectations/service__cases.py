"""What a delivery of service.cases must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "service__cases",
    rows_where("a case is not assigned before it is opened", "assigned_at < opened_at"),
    rows_where("a case is not solved before it is opened", "solved_at < opened_at"),
    rows_where("a case is not re-opened before it is opened", "reopened_at < opened_at"),
    rows_where("a solved case says when", "status = 'solved' and solved_at is null", severity=WARNING),
    rows_where("a re-opened case says when", "status = 'reopened' and reopened_at is null", severity=WARNING),
    rows_where(
        "a case names its customer or a telephone number",
        "customer_key is null and phone is null",
        severity=WARNING,
    ),
)
