"""What a delivery of dm.mailings must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "dm__mailings",
    rows_where(
        "a piece goes to a customer or to a named recipient",
        "customer_key is null and recipient_name is null",
        severity=WARNING,
    ),
)
