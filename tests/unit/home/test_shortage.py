"""What a person is told when memory or room runs out while models are built."""

import pytest

from pipelines.home.shortage import remedy_for_models

# As dbt-duckdb prints it.
_NO_MEMORY = (
    "Runtime Error in model int_a (models/int_a.sql)\n"
    "  Out of Memory Error: could not allocate block of size 256.0 KiB (953.7 MiB/953.6 MiB used)"
)
_FULL = (
    "Runtime Error in model dim_a (models/dim_a.sql)\n"
    '  IO Error: Could not write file ".candidate.duckdb": No space left on device'
)
_MISTAKE = "Runtime Error in model int_a (models/int_a.sql)\n  Binder Error: Referenced column ..."


@pytest.mark.parametrize(
    ("message", "told"),
    [(_NO_MEMORY, "set CRMDW_MEMORY_LIMIT higher"), (_FULL, "make room"), (_MISTAKE, "see the run 4711")],
)
def test_models_that_ran_out_of_memory_or_room_are_told_from_models_with_a_mistake(message: str, told: str) -> None:
    assert remedy_for_models(message, "4711").startswith(told)
