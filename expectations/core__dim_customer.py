"""What the published core.dim_customer must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__dim_customer",
    gxe.ExpectColumnValuesToBeUnique(column="customer_row_id", description="customer_row_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_row_id", description="customer_row_id is present"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "a customer has one current row, and it is the open one",
        "select customer_id from {batch} group by customer_id "
        "having count(*) filter (is_current) <> 1 or count(*) filter (is_current <> (valid_to is null)) > 0",
    ),
    table_where(
        "a customer's intervals follow one another without gap and overlap",
        "select customer_id from {batch} qualify valid_from <> coalesce("
        "lag(coalesce(valid_to, date '9999-12-31')) over (partition by customer_id order by valid_from), "
        "date '1900-01-01')",
    ),
    table_where(
        "the unknown, the not applicable and the erased member are there",
        "select 1 as missing where (select count(*) from {batch} where customer_id in ('-1', '-2', '-3')) <> 3",
    ),
)
