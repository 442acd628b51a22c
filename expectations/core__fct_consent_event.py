"""What the published core.fct_consent_event must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_consent_event",
    gxe.ExpectColumnValuesToBeUnique(column="consent_event_id", description="consent_event_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="valid_at", description="valid_at is present"),
    gxe.ExpectColumnValuesToNotBeNull(column="recorded_at", description="recorded_at is present"),
    table_where(
        "every customer row is one of its customer in core.dim_customer",
        "select facts.customer_row_id from {batch} as facts left join core.dim_customer as customers "
        "on facts.customer_row_id = customers.customer_row_id and facts.customer_id = customers.customer_id "
        "where facts.customer_id is not null and customers.customer_row_id is null",
    ),
)
