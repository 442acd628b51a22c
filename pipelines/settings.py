"""Every setting of a process, read from the environment once. Nothing else in the project reads the environment.

What a company's sources look like is not a setting: that is the sources file (`pipelines/sources/configuration.py`).
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.errors import UsageError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

NEW_HASH_KEY = "export CRMDW_HASH_KEY=$(python3 -c 'import secrets; print(secrets.token_hex(32))')"
"""The command that makes the secret under which keys are hashed."""

_SHORTEST_HASH_KEY = 32


@dataclass(frozen=True)
class Settings:
    """The paths and limits of one home folder.

    `memory_limit` is DuckDB's for one connection (text such as `1GB`), `threads` its number of threads, and
    `versions_kept` how many published files stay under `published/versions/`. `warehouse_name` is another one
    only while a rebuild fills a new file beside it.
    """

    home: Path
    sources_file: Path
    memory_limit: str
    threads: int
    versions_kept: int
    warehouse_name: str = "warehouse.duckdb"

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings as the environment has them now; `crmdw` and `make` set CRMDW_HOME.

        Raises UsageError where one of them is none.
        """
        home = Path(os.environ.get("CRMDW_HOME") or PROJECT_ROOT / "var").expanduser().resolve()
        sources = os.environ.get("CRMDW_SOURCES")
        return cls(
            home=home,
            sources_file=Path(sources).expanduser().resolve() if sources else home / "sources.yml",
            memory_limit=_memory_limit(),
            threads=_count("CRMDW_THREADS", 2),
            versions_kept=_count("CRMDW_VERSIONS_KEPT", 3),
        )

    @cached_property
    def warehouse(self) -> Path:
        return self.home / self.warehouse_name

    @cached_property
    def state(self) -> Path:
        return self.home / "state"

    @cached_property
    def archive(self) -> Path:
        return self.home / "archive"

    @cached_property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @cached_property
    def published(self) -> Path:
        return self.home / "published"

    @cached_property
    def published_file(self) -> Path:
        return self.published / "crm.duckdb"

    @cached_property
    def versions(self) -> Path:
        return self.published / "versions"

    @cached_property
    def scratch(self) -> Path:
        return self.home / "scratch"

    @cached_property
    def separated(self) -> Path:
        return self.home / "separated"

    @cached_property
    def erasure_journal(self) -> Path:
        """There as long as an erasure has begun and is not done."""
        return self.state / "erasing.json"

    @cached_property
    def erasure_key_file(self) -> Path:
        return self.home / "erasure.key"

    @cached_property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @cached_property
    def dbt_target(self) -> Path:
        return self.home / "dbt"

    def child_environment(self) -> dict[str, str]:
        """The environment that Dagster, dbt and their children need to find this home and to stay silent."""
        return {
            "CRMDW_HOME": str(self.home),
            "CRMDW_SOURCES": str(self.sources_file),
            "CRMDW_MEMORY_LIMIT": self.memory_limit,
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "false",
        }


def secret(name: str) -> str | None:
    """What the environment variable `name` holds: a sources file gives the names of secrets, never the secrets."""
    return os.environ.get(name) or None


def hash_key() -> str | None:
    """The secret under which sources' own keys are hashed, None where there is none.

    Raises UsageError, which does not show it, where it is too short to be one.
    """
    key = secret("CRMDW_HASH_KEY")
    if key is not None and len(key) < _SHORTEST_HASH_KEY:
        raise UsageError(
            f"CRMDW_HASH_KEY has {len(key)} characters, which can be guessed; it needs {_SHORTEST_HASH_KEY}",
            f"set it to the secret that earlier loads used; make a first one with {NEW_HASH_KEY}",
        )
    return key


def erasure_key(settings: Settings) -> str | None:
    """The secret of a home's tombstones: CRMDW_ERASURE_KEY, else what the home's own file holds; None without either.

    Raises UsageError, which does not show it, where it is too short to be one.
    """
    file = settings.erasure_key_file
    key = secret("CRMDW_ERASURE_KEY") or (file.read_text(encoding="utf-8").strip() if file.exists() else None)
    if key is not None and len(key) < _SHORTEST_HASH_KEY:
        raise UsageError(
            f"the erasure key has {len(key)} characters, which can be guessed; it needs {_SHORTEST_HASH_KEY}",
            f"put back the key under which persons were erased: {file}, or CRMDW_ERASURE_KEY",
        )
    return key


def _count(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,6}", text) or int(text) == 0:
        raise UsageError(f"{name} is {text!r}, which is no whole number from 1", f"set {name}={default}, or unset it")
    return int(text)


def _memory_limit() -> str:
    name = "CRMDW_MEMORY_LIMIT"
    text = os.environ.get(name) or "1GB"
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", text, re.IGNORECASE):
        raise UsageError(f"{name} is {text!r}, which is no amount of memory", f"set {name}=1GB, or unset it")
    return text
