"""What the published core.dim_permission must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__dim_permission",
    gxe.ExpectColumnValuesToNotBeNull(column="reason_code", description="reason_code is present"),
    table_where(
        "a customer, purpose and channel have one answer at an instant",
        "select 1 as repeated from (select valid_to, lead(valid_from) over ("
        "partition by customer_id, purpose_code, channel_code order by valid_from) as next_valid_from from {batch}"
        ") as ordered where coalesce(valid_to, timestamp '9999-12-31') > next_valid_from",
    ),
    table_where(
        "every rule is one of core.dim_consent_rule",
        "select permissions.rule_code from {batch} as permissions "
        "left join core.dim_consent_rule as rules using (rule_code) where rules.legal_source is null",
    ),
    table_where(
        "what is allowed was granted",
        "select permissions.customer_id from {batch} as permissions "
        "left join core.dim_consent as consents on permissions.customer_id = consents.customer_id "
        "and permissions.purpose_code = consents.purpose_code and permissions.channel_code = consents.channel_code "
        "and consents.is_granted and not consents.is_night and permissions.valid_from >= consents.valid_from "
        "and permissions.valid_from < coalesce(consents.valid_to, timestamp '9999-12-31') "
        "and permissions.valid_from >= consents.recorded_from "
        "and permissions.valid_from < coalesce(consents.recorded_to, timestamp '9999-12-31') "
        "where (permissions.is_allowed or permissions.is_allowed_at_night) and consents.customer_id is null",
    ),
)
