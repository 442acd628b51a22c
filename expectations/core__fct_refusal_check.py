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
        "every customer row is one of its customer in core.dim_customer",
        "select facts.customer_row_id from {batch} as facts left join core.dim_customer as customers "
        "on facts.customer_row_id = customers.customer_row_id and facts.customer_id = customers.customer_id "
        "where facts.customer_id is not null and customers.customer_row_id is null",
    ),
    table_where(
        "no more entries are counted than the lists had",
        "select 1 as added where (select sum(counted_entry_count) from {batch}) > "
        "(select sum(rows_loaded_count + rows_fixed_count) from marts.mart_data_trust "
        "where feed = 'consent__refusals')",
    ),
)
