"""How far a backfill has come, so that the same command goes on after an interruption with the feeds not yet done."""

import hashlib
import json
from datetime import date

from pipelines.home.durable import write_durably
from pipelines.settings import Settings


def backfill_key(settings: Settings, first: date, last: date, feed: str | None) -> str:
    """The same for the same command on the same sources file: a mended mapping is another backfill."""
    asked = f"{first} {last} {feed}".encode() + settings.sources_file.read_bytes()
    return hashlib.md5(asked).hexdigest()


def feeds_done(settings: Settings, key: str) -> list[str]:
    """The feeds that an interrupted backfill has loaded already."""
    try:
        noted = json.loads((settings.home / "backfill.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(noted["feeds"]) if noted["key"] == key else []


def note_done(settings: Settings, key: str, feed: str) -> None:
    """Note that a feed of this backfill is loaded; what another one noted is forgotten."""
    feeds = [*feeds_done(settings, key), feed]
    write_durably(settings.home / "backfill.json", json.dumps({"key": key, "feeds": feeds}))


def forget(settings: Settings) -> None:
    """The backfill is done, or begins anew."""
    (settings.home / "backfill.json").unlink(missing_ok=True)
