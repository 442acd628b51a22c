"""What a delivery of campaign.campaigns must satisfy."""

from expectations.rules import gate_suite, rows_where

SUITE = gate_suite(
    "campaign__campaigns",
    rows_where("a campaign does not end before it starts", "end_date < start_date"),
)
