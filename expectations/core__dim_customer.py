"""What the published core.dim_customer must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__dim_customer",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "the unknown and the not applicable member are there",
        "select 1 as missing where (select count(*) from {batch} where customer_id in ('-1', '-2')) <> 2",
    ),
)
