"""What the published core.fct_case must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_case",
    gxe.ExpectColumnValuesToBeUnique(column="case_id", description="case_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id", description="customer_id is present"),
    table_where(
        "every customer is a member of core.dim_customer",
        "select customer_id from {batch} where customer_id not in (select customer_id from core.dim_customer)",
    ),
    table_where(
        "a case is either solved or open, and its lags are never negative",
        "select case_id from {batch} where (solution_hours is null) = (open_days is null) "
        "or least(assignment_hours, solution_hours, solution_days, open_days) < 0",
    ),
)
