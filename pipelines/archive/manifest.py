"""A manifest beside each archived batch: what its rows do not say, so that the archive alone can be loaded again.

It is written when the batch is loaded, in the moment before the ledger says so: a batch without one was never loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from pipelines.errors import WarehouseError
from pipelines.home.durable import synchronise, write_durably
from pipelines.ledger.loads import Slot
from pipelines.settings import Settings

_NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """One batch: its slot, its file as it was read, and what was found when it was read.

    `arrivals` are the numbers of the loads that have read it, and grow: of two batches of a slot, the one with the
    greater last number came later.
    """

    batch_id: str
    source_system: str
    feed: str
    delivery_date: date
    part: str
    file: str
    size: int
    modified_nanoseconds: int
    file_hash: str
    reading_hash: str
    fault: str | None
    source_columns: str | None
    values_masked: int
    arrivals: Sequence[int]

    @property
    def slot(self) -> Slot:
        return (self.source_system, self.feed, self.delivery_date, self.part)

    @property
    def sequence(self) -> int:
        """The number of its last arrival."""
        return self.arrivals[-1]

    def as_known(self, last_arrival: int) -> Manifest | None:
        """The batch as it was after the arrival of this number, None where it had not come yet."""
        arrivals = tuple(number for number in self.arrivals if number <= last_arrival)
        return replace(self, arrivals=arrivals) if arrivals else None


def batch_folder(settings: Settings, feed: str, batch_id: str) -> Path:
    """Where a batch is archived."""
    return settings.archive / feed / f"batch_id={batch_id}"


def next_sequence(settings: Settings) -> int:
    """The number of this arrival, greater than any before it, also of loads that were killed."""
    number = last_sequence(settings) + 1
    write_durably(_counter(settings), str(number))
    return number


def last_sequence(settings: Settings) -> int:
    """The number of the last arrival, 0 before the first."""
    counter = _counter(settings)
    if counter.exists():
        return int(counter.read_text(encoding="utf-8"))
    return max((manifest.sequence for manifest in read_manifests(settings)), default=0)


def _counter(settings: Settings) -> Path:
    return settings.archive / "sequence"


def write_manifests(settings: Settings, manifests: list[Manifest]) -> None:
    """Put the manifests beside their batches; they, and the batches, are on the disk when this returns."""
    changed: list[Path] = []
    for manifest in manifests:
        folder = batch_folder(settings, manifest.feed, manifest.batch_id)
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / (_NAME + ".new")
        text = json.dumps(asdict(manifest) | {"delivery_date": str(manifest.delivery_date)}, ensure_ascii=False)
        written.write_text(text + "\n", encoding="utf-8")
        changed += [written, *folder.glob("*.parquet"), folder]
    synchronise(changed)
    for manifest in manifests:
        folder = batch_folder(settings, manifest.feed, manifest.batch_id)
        (folder / (_NAME + ".new")).replace(folder / _NAME)
    synchronise(list({path.parent for path in changed} | {settings.archive / m.feed for m in manifests}))


def read_manifests(settings: Settings, feed: str = "*") -> Iterator[Manifest]:
    """The manifests of every archived batch that was ever loaded, of one feed or of all."""
    for path in sorted(settings.archive.glob(f"{feed}/batch_id=*/{_NAME}")):
        yield _read(path)


def read_manifest(settings: Settings, feed: str, batch_id: str) -> Manifest:
    """The manifest of one batch, which was loaded once."""
    return _read(batch_folder(settings, feed, batch_id) / _NAME)


def earlier_arrivals(settings: Settings, feed: str, batch_id: str) -> Sequence[int]:
    """The numbers of the loads that have read a batch before; none where it is new."""
    path = batch_folder(settings, feed, batch_id) / _NAME
    return _read(path).arrivals if path.exists() else ()


def _read(path: Path) -> Manifest:
    content = json.loads(path.read_text(encoding="utf-8"))
    # Homes of earlier versions noted the last arrival alone.
    arrivals = tuple(content.pop("arrivals", ())) or (content.pop("sequence"),)
    delivery_date = date.fromisoformat(content.pop("delivery_date"))
    return Manifest(**content, delivery_date=delivery_date, arrivals=arrivals)


def require_warehouse(settings: Settings) -> None:
    """Raise WarehouseError where something was loaded into this home, and its warehouse is gone since.

    Starting from nothing would load what lies in the inbox alone, and forget every decision.
    """
    if not settings.warehouse.exists() and next(settings.archive.glob("*/batch_id=*"), None):
        raise WarehouseError(
            f"{settings.warehouse} is gone, but {settings.archive} holds what was loaded into it",
            "run `crmdw rebuild`, which makes it anew; to start from nothing, put the archive folder elsewhere first",
        )
