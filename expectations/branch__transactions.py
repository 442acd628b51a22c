"""What a delivery of branch.transactions must satisfy."""

from expectations.rules import WARNING, gate_suite, rows_where

SUITE = gate_suite(
    "branch__transactions",
    rows_where("a refund is never positive", "amount_role = 'refund' and amount > 0"),
    rows_where("a sale is never negative", "amount_role = 'sale' and amount < 0", severity=WARNING),
    rows_where("a currency is an ISO 4217 code", "not regexp_full_match(currency, '[A-Z][A-Z][A-Z]')"),
)
