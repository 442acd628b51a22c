"""Web servers on 127.0.0.1: the guard that stands before each of them, and Dagster's own pages behind it."""
