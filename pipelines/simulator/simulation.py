"""Runs the whole simulation in order: people, campaigns, contracts, purchases, calls; then the files."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from pipelines.simulator.progress import Progress, silent

# The sources file last: where it is, all is there.
_PARTS = ("inbox", "truth", "sources.yml")


def simulate(
    out: Path,
    customers: int = 5000,
    start: date = date(2023, 1, 1),
    end: date = date(2024, 12, 31),
    seed: int = 1,
    progress: Progress = silent,
) -> dict[str, int]:
    """Writes `inbox/`, `truth/` and `sources.yml` under `out`; the same arguments give the same bytes.

    Returns the rows written per feed (a second system's as `<feed>@<system>`), and under `rows`, `dirty_rows`,
    `duplicate_rows` and `files` the totals over all feeds. `progress` is told the stage that begins and the share of
    the work done, 0 to 1.

    Raises ValueError for an impossible period or number of customers, FileExistsError where `out` already holds
    an inbox, a truth or a sources file: they may be somebody's own. Interrupted, it leaves none of them.
    """
    # Deferred: `crmdw --help` must not wait for numpy and pyarrow.
    from pipelines.simulator.assembly import write_company  # noqa: PLC0415
    from pipelines.simulator.calendar import Period  # noqa: PLC0415

    if customers < 1:
        raise ValueError(f"{customers} customers cannot be simulated: give 1 or more.")
    period = Period.between(start, end)
    out = Path(out)
    for name in _PARTS:
        taken = out / name
        if taken.is_file() or any(taken.glob("*")):
            raise FileExistsError(f"{taken}: it is there already, and may be somebody's own. Nothing was written.")
    # What was cut off must not be taken for a company, nor keep the next one out.
    scratch = out / ".simulating"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        written = write_company(scratch, customers, period, seed, progress)
        for name in _PARTS:
            # In place of an empty folder, where there is one.
            (scratch / name).rename(out / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    counts = {one.feed: one.rows for one in written}
    return counts | {
        "rows": sum(one.rows for one in written),
        "dirty_rows": sum(one.rows - one.clean_rows - one.duplicate_rows for one in written),
        "duplicate_rows": sum(one.duplicate_rows for one in written),
        "files": sum(one.files for one in written),
    }
