"""The candidate that dbt builds, its audit, and the one rename that publishes it."""
