"""What the published core.fct_transaction must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_transaction",
    gxe.ExpectColumnValuesToBeUnique(column="transaction_id", description="transaction_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    gxe.ExpectColumnValuesToNotBeNull(column="amount", description="amount is present"),
    table_where(
        "every customer is a member of core.dim_customer",
        "select customer_id from {batch} where customer_id not in (select customer_id from core.dim_customer)",
    ),
    table_where(
        "every loaded line is there once, or was corrected by a later delivery",
        "select 1 as missing where (select count(*) from {batch}) > "
        "(select sum(rows_loaded_count + rows_fixed_count) from marts.mart_data_trust "
        "where feed = 'branch__transactions')",
    ),
)
