"""What the published marts.mart_data_trust must satisfy: the conservation law, for its readers."""

from expectations.rules import audit_suite, table_where

SUITE = audit_suite(
    "marts__mart_data_trust",
    table_where(
        "read = loaded + quarantined + duplicate + unchanged + blocked",
        "select feed from {batch} where not is_conserved or rows_read_count <> rows_loaded_count "
        "+ rows_quarantined_count + rows_duplicate_count + rows_unchanged_count + rows_blocked_count",
    ),
)
