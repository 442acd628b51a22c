"""What makes names, telephone numbers, dates and addresses comparable: macros for DuckDB, one module per noun.

A macro returns null where nothing usable is left, and its own result unchanged where it is applied to that again.
What is decided from two records is elsewhere.
"""

import duckdb

from pipelines.normalisers import addresses, business_numbers, dates, emails, letters, names, phones


def create_normalising_macros(connection: duckdb.DuckDBPyConnection, country_code: str = "82") -> None:
    """Create the macros of all modules for as long as `connection` lives; `country_code` is the company's, for phones.

    `region_code` of addresses.py is created by `create_region_keys`, which takes the regions.
    """
    for macros in (
        letters.MACROS,
        names.MACROS,
        phones.macros(country_code),
        emails.MACROS,
        dates.MACROS,
        addresses.MACROS,
        business_numbers.MACROS,
    ):
        connection.execute(macros)
