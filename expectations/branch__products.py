"""What a delivery of branch.products must satisfy."""

from expectations.rules import gate_suite, rows_where

SUITE = gate_suite(
    "branch__products",
    rows_where("a product is not its own next step up", "next_product_key = product_key"),
)
