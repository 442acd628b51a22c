"""Real runs of the whole job: Dagster, dbt, Great Expectations, DuckDB, and a browser where there is one."""
