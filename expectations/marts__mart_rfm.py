"""What the published marts.mart_rfm must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "marts__mart_rfm",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique", severity="critical"),
    gxe.ExpectColumnValuesToBeBetween(
        column="recency_score", min_value=1, max_value=5, description="recency_score is 1 to 5", severity="critical"
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="frequency_score", min_value=1, max_value=5, description="frequency_score is 1 to 5", severity="critical"
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="monetary_score", min_value=1, max_value=5, description="monetary_score is 1 to 5", severity="critical"
    ),
    table_where(
        "every customer has a line, and nobody else",
        "select customer_id from core.dim_customer where customer_id not in ('-1', '-2') "
        "and customer_id not in (select customer_id from {batch})",
    ),
)
