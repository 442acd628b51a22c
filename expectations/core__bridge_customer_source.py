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
        "a record is some customer's now",
        "select source_key from {batch} group by source_system, source_key "
        "having count(*) filter (valid_to is null) = 0",
    ),
    table_where(
        "every record's customer of now is a member of core.dim_customer",
        "select customer_id from {batch} "
        "where valid_to is null and customer_id not in (select customer_id from core.dim_customer)",
    ),
)
