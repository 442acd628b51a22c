"""Dagster: the assets of the one job, what runs when, and what a run is asked to do.

Logic lives in the wings below.
"""
