"""How often Python looks for garbage: seldom, in programs that keep most of what they make until they end."""

import gc


def collect_seldom() -> None:
    """Have the collector look after 100,000 new objects instead of 700, and at old ones more seldom still.

    Dagster, dbt and Great Expectations make a million objects that stay. Looking through them again and again costs a
    seventh of a dbt build, and frees next to nothing.
    """
    gc.set_threshold(100_000, 20, 100)
