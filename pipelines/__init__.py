"""The way of the data into the warehouse and out of it: Dagster code and the `crmdw` command."""
