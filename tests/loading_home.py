"""A home under test: files are delivered into it and loaded with the real gate, without Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.connections import connected
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_feed
from pipelines.loading.raw import LoadResult
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.sources_file import load_sources_file


@dataclass
class LoadingHome:
    """A home folder and the sources that its sources file will have."""

    settings: Settings
    sources: list[dict[str, Any]] = field(default_factory=list)
    company: dict[str, str] = field(default_factory=lambda: {"time_zone": "Asia/Seoul", "currency": "KRW"})

    @property
    def inbox(self) -> Path:
        return self.settings.home / "inbox"

    def deliver(self, name: str, content: str | bytes, codec: str = "utf-8") -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(codec))
        return path

    def add_source(self, feed: str, path: str, columns: dict[str, Any], **terms: Any) -> None:
        source = {"feed": feed, "source_system": "branch", "path": f"inbox/{path}", "format": "csv", "columns": columns}
        if "{date" in path:
            source["start"] = "2024-01-01"
        else:
            source["delivery_date"] = "2024-01-31"
        self.sources.append(source | terms)

    def sources_file(self) -> SourcesFile:
        content = {"version": 1, "company": self.company, "sources": self.sources}
        self.settings.sources_file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return load_sources_file(self.settings.sources_file)

    def load(self, feed: str, **options: Any) -> LoadResult:
        sources_file = self.sources_file()
        with connected(self.settings, self.settings.warehouse) as warehouse:
            create_tables(warehouse)
        return load_feed(self.settings, sources_file, feed, "run", **options)

    def rows_of(self, queries: Mapping[str, str]) -> dict[str, list[tuple]]:
        """Name -> the rows of its query, all through one connection: to open one takes as long as ten queries."""
        with connected(self.settings, self.settings.warehouse, read_only=True) as warehouse:
            return {name: warehouse.execute(query).fetchall() for name, query in queries.items()}

    def rows(self, query: str, *parameters: Any) -> list[tuple]:
        with connected(self.settings, self.settings.warehouse, read_only=True) as warehouse:
            return warehouse.execute(query, list(parameters)).fetchall()
