"""What the published marts.mart_contactability must satisfy."""

import great_expectations.expectations as gxe

from expectations.rules import audit_suite, table_where

_CHANNELS = ("dm", "email", "sms", "push", "outbound_call")

SUITE = audit_suite(
    "marts__mart_contactability",
    gxe.ExpectColumnValuesToBeUnique(column="customer_id", description="customer_id is unique"),
    table_where(
        "every customer has a line, and nobody else",
        "select customer_id from ("
        "select customer_id from core.dim_customer_current where customer_id not in ('-1', '-2', '-3')"
        ") as customers full join (select customer_id, true as has_line from {batch}) as lines using (customer_id) "
        "where customers.customer_id is null or lines.has_line is null",
    ),
    table_where(
        "who is contactable said so once, and who is not has a reason",
        "select customer_id from {batch} where "
        + " or ".join(
            f"is_contactable_{channel} is distinct from ({channel}_reason_code = 'allowed') "
            f"or (is_contactable_{channel} and customer_id not in "
            "(select customer_id from core.fct_consent_event where action_code = 'granted'))"
            for channel in _CHANNELS
        ),
    ),
)
