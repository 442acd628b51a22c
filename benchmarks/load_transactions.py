"""Loads what has arrived of branch__transactions, from extraction to raw, with all gates; prints what it came to.

python benchmarks/load_transactions.py HOME
"""

import sys
from pathlib import Path

from pipelines.connections import connected
from pipelines.home.lock import writing
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_feed
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file


def main() -> None:
    """Load, and fail unless every row was loaded."""
    home = Path(sys.argv[1])
    settings = Settings(home, home / "sources.yml", "1GB", 2, 3)
    with writing(settings, "benchmark"):
        with connected(settings, settings.warehouse) as warehouse:
            create_tables(warehouse)
        sources_file = load_sources_file(settings.sources_file)
        result = load_feed(settings, sources_file, "branch__transactions", "benchmark")
    print(result.batches, result.counts)
    assert result.counts["loaded"] == result.counts["read"] > 0, result


if __name__ == "__main__":
    main()
