"""What a delivery of campaign.contacts must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "campaign__contacts",
    rows_where("a control is never sent", "assignment = 'control' and sent_at is not null"),
    rows_where("a control costs nothing", "assignment = 'control' and cost_amount > 0", severity=WARNING),
    rows_where(
        "an unsent treatment says why",
        "assignment = 'treatment' and sent_at is null and not_sent_reason is null",
        severity=WARNING,
    ),
    rows_where("a contact is not sent before it is assigned", "sent_at < assigned_at"),
)
