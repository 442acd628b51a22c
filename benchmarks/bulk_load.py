"""What loading costs where rows are many: against a bare script, by file size, and onto a long history."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from bulk_files import deliver_transactions, write_sources
from figures import Figure, cost
from process_measurement import Measurement, measure

FOLDER = Path(__file__).resolve().parent
_MEGABYTE = 1 << 20
_GIGABYTE = 1 << 30
_BYTES_PER_ROW = 94


def load_ratio(work: Path, runs: int) -> Iterator[Figure]:
    """5,000,000 rows from file to raw with all gates, and a bare INSERT of the same files, in turns; in both codecs."""
    for codec, target in (("utf-8", "3"), ("cp949", "2.5")):
        home = work / f"load_{codec}"
        deliver_transactions(home, 30, 166_667, codec)
        write_sources(home, codec)
        gated, bare = [], []
        for _ in range(runs):
            _empty(home)
            gated.append(_load(home))
            bare.append(_python("bare_load.py", str(home), codec))
        ratio = statistics.median(each.seconds for each in gated) / statistics.median(each.seconds for each in bare)
        name = "INSERT" if codec == "utf-8" else "Python decoding and INSERT"
        yield Figure(f"{codec}: 5,000,000 rows with all gates", f"{min(each.seconds for each in gated):.1f} s")
        yield from cost(*gated[:1])
        yield Figure(f"{codec}: bare {name}", f"{min(each.seconds for each in bare):.1f} s")
        yield from cost(*bare[:1])
        yield Figure("  ratio", f"{ratio:.1f}", target)


def load_memory(work: Path, runs: int) -> Iterator[Figure]:
    """One file of 0.1, 0.4 and 1.6 GB, within DuckDB's limit of 1 GB."""
    for size in (100, 400, 1600):
        home = work / f"memory_{size}"
        (path,) = deliver_transactions(home, 1, size * 1_000_000 // _BYTES_PER_ROW)
        write_sources(home)
        done = _load(home)
        size_told = f"{path.stat().st_size / 1e9:.1f} GB"
        yield Figure(f"one file of {size_told}: peak memory", f"{done.peak_bytes / _GIGABYTE:.2f} GiB", "1.93 GiB")
        yield Figure("  seconds", f"{done.seconds:.1f} s")
        path.unlink()


def one_more_day(work: Path, runs: int) -> Iterator[Figure]:
    """One more day of 20,000 rows onto a month, and onto three years, of such days; extraction to raw."""
    seconds = {}
    for name, days in (("a month", 30), ("three years", 3 * 365)):
        home = work / f"history_{days}"
        deliver_transactions(home, days, 20_000)
        write_sources(home)
        _load(home)
        done = []
        for number in range(max(runs, 3)):
            deliver_transactions(home, days + 1 + number, 20_000)
            done.append(_load(home))
        seconds[name] = statistics.median(each.seconds for each in done)
        yield Figure(f"one more day onto {name}", f"{seconds[name]:.1f} s")
        yield from cost(*done[:1])
    yield Figure("  ratio", f"{seconds['three years'] / seconds['a month']:.2f}", "1.3")


def _load(home: Path) -> Measurement:
    return _python("load_transactions.py", str(home))


def _python(script: str, *arguments: str) -> Measurement:
    return measure([sys.executable, str(FOLDER / script), *arguments], {"PYTHONPATH": str(FOLDER.parent)})


def _empty(home: Path) -> None:
    """Forget what was loaded before."""
    for database in home.glob("warehouse.duckdb*"):
        database.unlink()
