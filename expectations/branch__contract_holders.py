"""What a delivery of branch.contract_holders must satisfy."""

from expectations.rules import gate_suite, rows_where

SUITE = gate_suite(
    "branch__contract_holders",
    rows_where("a role does not end before it begins", "valid_to < valid_from"),
)
