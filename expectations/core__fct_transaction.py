"""What the published core.fct_transaction must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_transaction",
    gxe.ExpectColumnValuesToBeUnique(column="transaction_id", description="transaction_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    gxe.ExpectColumnValuesToNotBeNull(column="amount", description="amount is present"),
    table_where(
        "every customer row is one of its customer in core.dim_customer",
        "select facts.customer_row_id from {batch} as facts left join core.dim_customer as customers "
        "on facts.customer_row_id = customers.customer_row_id and facts.customer_id = customers.customer_id "
        "where facts.customer_id is not null and customers.customer_row_id is null",
    ),
    table_where(
        "every loaded line is there once, or was corrected by a later delivery",
        "select 1 as missing where (select count(*) from {batch}) > "
        "(select sum(rows_loaded_count + rows_fixed_count) from marts.mart_data_trust "
        "where feed = 'branch__transactions')",
    ),
)
