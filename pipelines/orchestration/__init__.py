"""What Dagster is given: assets, the one job, what it runs under, and how its pages show all of it."""
