"""What the published core.fct_refusal_check must satisfy."""

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "core__fct_refusal_check",
    table_where(
        "a system, list, checked day and customer have one row",
        "select 1 as repeated from {batch} "
        "group by source_system, refusal_list_code, checked_date, customer_id having count(*) > 1",
    ),
    table_where(
        "every customer is a member of core.dim_customer",
        "select customer_id from {batch} where customer_id not in (select customer_id from core.dim_customer)",
    ),
    table_where(
        "no more entries are counted than the lists had",
        "select 1 as added where (select sum(counted_entry_count) from {batch}) > "
        "(select sum(rows_loaded_count + rows_fixed_count) from marts.mart_data_trust "
        "where feed = 'consent__refusals')",
    ),
)
