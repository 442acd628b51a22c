"""What a delivery of campaign.responses must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "campaign__responses",
    rows_where(
        "a response names its contact, or its customer and campaign",
        "contact_key is null and (customer_key is null or campaign_key is null)",
        severity=WARNING,
    ),
)
