"""What the published core.fct_consent_event must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_consent_event",
    gxe.ExpectColumnValuesToBeUnique(column="consent_event_id", description="consent_event_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="valid_at", description="valid_at is present"),
    gxe.ExpectColumnValuesToNotBeNull(column="recorded_at", description="recorded_at is present"),
    table_where(
        "every customer is a member of core.dim_customer",
        "select customer_id from {batch} where customer_id not in (select customer_id from core.dim_customer)",
    ),
)
