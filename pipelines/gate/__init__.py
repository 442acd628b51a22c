"""Great Expectations on DuckDB: a feed's whole range judged in one pass, every verdict traced to its rows and batch."""
