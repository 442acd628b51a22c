"""What the published core.fct_case must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_case",
    gxe.ExpectColumnValuesToBeUnique(column="case_id", description="case_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "every customer row is one of its customer in core.dim_customer",
        "select facts.customer_row_id from {batch} as facts left join core.dim_customer as customers "
        "on facts.customer_row_id = customers.customer_row_id and facts.customer_id = customers.customer_id "
        "where facts.customer_id is not null and customers.customer_row_id is null",
    ),
    table_where(
        "a case is either solved or open, and its lags are never negative",
        "select case_id from {batch} where (solution_hours is null) = (open_days is null) "
        "or least(assignment_hours, solution_hours, solution_days, open_days) < 0",
    ),
)
