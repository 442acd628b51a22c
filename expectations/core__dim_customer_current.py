"""What the published core.dim_customer_current must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__dim_customer_current",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "it is the current rows of core.dim_customer, all of them",
        "select customer_row_id from (select customer_row_id from core.dim_customer where is_current) as dated "
        "full join (select customer_row_id, true as has_row from {batch}) as rows using (customer_row_id) "
        "where dated.customer_row_id is null or rows.has_row is null",
    ),
)
