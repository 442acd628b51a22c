"""What the published marts.mart_consent_breach must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "marts__mart_consent_breach",
    gxe.ExpectColumnValuesToBeUnique(column="contact_attempt_id", description="contact_attempt_id is unique"),
    gxe.ExpectColumnValuesToNotBeNull(column="verdict_code", description="verdict_code is present"),
    table_where(
        "every contact that was sent is judged",
        "select contacts.contact_id from core.fct_contact as contacts "
        "left join {batch} as breaches using (contact_id) "
        "where contacts.is_sent and breaches.contact_id is null",
    ),
    table_where(
        "every breach has its contact or call",
        "select breaches.contact_attempt_id from {batch} as breaches "
        "left join core.fct_contact as contacts on breaches.contact_id = contacts.contact_id "
        "left join core.fct_call as calls on breaches.call_id = calls.call_id "
        "where breaches.is_breach and contacts.contact_id is null and calls.call_id is null",
    ),
)
