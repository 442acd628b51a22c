"""What the published core.dim_employee must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__dim_employee",
    gxe.ExpectColumnValuesToBeUnique(column="employee_id", description="employee_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="employee_id", description="employee_id is present"),
    table_where(
        "the unknown and the not applicable member are there",
        "select 1 as missing where (select count(*) from {batch} where employee_id in ('-1', '-2')) <> 2",
    ),
    table_where(
        "no column is a name",
        # Great Expectations prints a warning for a query that does not name the batch.
        "select column_name from duckdb_columns() where schema_name = 'core' and table_name = 'dim_employee' "
        "and column_name like '%name%' and exists (select 1 from {batch})",
    ),
)
