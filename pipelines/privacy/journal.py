"""The journal of an erasure that has begun: what a kill leaves undone, the next command of the home finishes by it.

It names the person, and is gone when the erasure is done. The rows lie in a file beside it; the journal itself is
written last, so that an erasure has begun, whole, or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from pipelines.home.durable import synchronise, write_durably
from pipelines.person.person import Person, SourceRecord
from pipelines.settings import Settings


@dataclass(frozen=True)
class Journal:
    """An erasure that has begun.

    `person` stands for all persons that are erased together, `own_names` are names that nobody else has. `tombstones`
    are (kind, hash). `salt` goes into the pseudonyms that keep rows apart, and is gone with the journal. Of a
    separation, `separated_file` is the name of its file and `destroy_date` the day it ends.
    """

    erasure_number: int
    mode: str
    erased_date: date
    decided_by: str
    decided_at: datetime
    reason: str
    persons: int
    person: Person
    own_names: frozenset[str]
    tombstones: list[tuple[str, str]]
    salt: str
    separated_file: str | None = None
    destroy_date: date | None = None

    @property
    def ids(self) -> list[str]:
        """All hashes of keys that stand for the person: of records, and of customers that were merged into it."""
        return sorted({self.person.customer_id, *self.person.record_ids, *self.person.former_ids})


def rows_file(settings: Settings) -> Path:
    """Where the rows of an erasure lie while it lasts, in Parquet: feed, batch_id, row_number, is_whole."""
    return settings.state / "erasing_rows.parquet"


def begin(settings: Settings, journal: Journal, rows: Path) -> None:
    """Have the erasure begin: from now on it will be done, whatever happens. `rows` is a file to be moved beside it."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows.chmod(0o600)
    synchronise([rows])
    rows.replace(rows_file(settings))
    synchronise([settings.state])
    write_durably(settings.erasure_journal, json.dumps(asdict(journal), default=_plain, ensure_ascii=False))


def read(settings: Settings) -> Journal:
    """The journal of the erasure that is not done."""
    content = json.loads(settings.erasure_journal.read_text(encoding="utf-8"))
    person = content["person"]
    ends = content["destroy_date"]
    return Journal(
        **content
        | {
            "erased_date": date.fromisoformat(content["erased_date"]),
            "decided_at": datetime.fromisoformat(content["decided_at"]),
            "destroy_date": date.fromisoformat(ends) if ends else None,
            "own_names": frozenset(content["own_names"]),
            "tombstones": [(kind, found) for kind, found in content["tombstones"]],
            "person": Person(
                person["customer_id"],
                tuple(SourceRecord(**record) for record in person["records"]),
                tuple(person["former_ids"]),
                {kind: frozenset(values) for kind, values in person["values"].items()},
            ),
        }
    )


def end(settings: Settings) -> None:
    """Forget the journal and its rows."""
    settings.erasure_journal.unlink(missing_ok=True)
    rows_file(settings).unlink(missing_ok=True)
    synchronise([settings.state])


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
