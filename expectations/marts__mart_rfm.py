"""What the published marts.mart_rfm must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "marts__mart_rfm",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique"),
    gxe.ExpectColumnValuesToBeBetween(
        column="recency_score", min_value=1, max_value=5, description="recency_score is 1 to 5"
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="frequency_score", min_value=1, max_value=5, description="frequency_score is 1 to 5"
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="monetary_score", min_value=1, max_value=5, description="monetary_score is 1 to 5"
    ),
    table_where(
        "every customer has a line, and nobody else",
        "select customer_id from ("
        "select customer_id from core.dim_customer_current where customer_id not in ('-1', '-2', '-3')"
        ") as customers full join (select customer_id, true as has_line from {batch}) as lines using (customer_id) "
        "where customers.customer_id is null or lines.has_line is null",
    ),
)
