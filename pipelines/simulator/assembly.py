"""Writes the whole company: its blocks of customers on two processors, then their pieces as files, and the truth."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pipelines.simulator.blocks import Block, blocks_of
from pipelines.simulator.calendar import Period
from pipelines.simulator.deliveries import ALL_LAYOUTS, Delivered, draw_campaigns, write_block, write_lists
from pipelines.simulator.files import Written, write_feed
from pipelines.simulator.progress import Progress, part_of
from pipelines.simulator.sources_file import write_sources
from pipelines.simulator.truth import Truth

# Each holds a block in memory.
MOST_PROCESSES = 2


def write_company(out: Path, customers: int, period: Period, seed: int, progress: Progress) -> list[Written]:
    """Everything under `out`, and for the time of writing a folder `pieces`; one entry per feed."""
    folder = out / "pieces"
    lists = write_lists(folder / "lists", period, seed)
    blocks = blocks_of(customers, period)
    delivered = list(_write_blocks(folder, blocks, period, seed, part_of(progress, 0, 0.85)))
    written = []
    for place, layout in enumerate(ALL_LAYOUTS):
        progress(f"{layout.name}: files", 0.85 + 0.13 * place / len(ALL_LAYOUTS))
        pieces = [one[layout.name] for one in (lists, *(block.pieces for block in delivered)) if layout.name in one]
        written.append(write_feed(out, layout, pieces, period))
    progress("truth: files", 0.98)
    truth = Truth(out / "truth")
    truth.put_together([one.truth for one in delivered])
    truth.write_campaign_effects(draw_campaigns(period, seed), _sums([one.campaign_effects for one in delivered]))
    truth.write_dirt(written)
    truth.write_totals(written)
    write_sources(out, ALL_LAYOUTS, period)
    progress("done", 1.0)
    return written


def _write_blocks(
    folder: Path, blocks: list[Block], period: Period, seed: int, progress: Progress
) -> Iterator[Delivered]:
    """The blocks in their order, whichever is done first."""
    processes = min(MOST_PROCESSES, os.cpu_count() or 1, len(blocks))
    if processes == 1:
        for block in blocks:
            share = part_of(progress, block.number / len(blocks), (block.number + 1) / len(blocks))
            yield write_block(folder / str(block.number), block, period, seed, share)
        return
    # Not forked: Arrow's threads do not survive a fork.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_follow_parent)
    try:
        tasks = [pool.submit(write_block, folder / str(block.number), block, period, seed) for block in blocks]
        for number, task in enumerate(tasks):
            progress(f"customers, part {number + 1} of {len(tasks)}", number / len(tasks))
            yield task.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _sums(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]}


def _follow_parent() -> None:
    """Ends at once and silently at an interruption, and when the parent was killed, which no pool notices."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_it() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
