"""What the published core.bridge_customer_source must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__bridge_customer_source",
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "a record is one customer's at a time",
        "select source_key from {batch} qualify valid_from < lag(coalesce(valid_to, date '9999-12-31')) over ("
        "partition by source_system, source_key order by valid_from)",
    ),
    table_where(
        "every customer is a member of core.dim_customer",
        "select customer_id from {batch} where customer_id not in (select customer_id from core.dim_customer)",
    ),
)
