"""What the published marts.mart_lifetime_value must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "marts__mart_lifetime_value",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique"),
    gxe.ExpectColumnValuesToBeBetween(
        column="probability_alive",
        min_value=0,
        max_value=1,
        description="probability_alive is 0 to 1",
    ),
    table_where(
        "a missing expectation says why, and a present one says nothing",
        "select customer_id from {batch} "
        "where (expected_12_months_amount is null) <> (expected_value_reason is not null)",
    ),
)
