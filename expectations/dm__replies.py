"""What a delivery of dm.replies must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "dm__replies",
    rows_where(
        "a reply names its piece or its customer",
        "mailing_key is null and customer_key is null",
        severity=WARNING,
    ),
)
