"""One seeded person travels every feed, in right rows and wrong ones: no value of theirs is found where it must not be.

Personal data may lie in the inbox, the archive, and the private schemas of the warehouse. Resident and card numbers may
lie in the inbox alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.contracts import Column, Feed, feeds
from pipelines.person.search import Hit, search
from pipelines.settings import Settings

from .homes import CommandHome

CANARY = {
    "name": "독고카나리",
    "phone": "010-9182-7364",
    "email": "canary.bird@cage.example",
    "address": "세종특별자치시 카나리아로 918 27동 364호",
    "born": "1931-02-03",
    "resident_number": "310203-1918273",
    "card_number": "4539-1488-0343-6467",
}
SEEDED = {kind: [value, value.replace("-", "")] for kind, value in CANARY.items()} | {"phone": [CANARY["phone"]]}
NEVER_STORED = ("resident_number", "card_number")
MAY_HOLD = ("inbox/", "archive/", "state/decisions.parquet")
PRIVATE_SCHEMAS = ("raw.", "quarantine.", "identity.", "intermediate.", "state.decisions.", "bytes")
SPOILT = ("branch__customers", "consent__refusals", "dm__returns", "service__cases")
DAY, OTHERS = "2024-01-31", 220
TEXT = " ".join(CANARY.values())
# Where nobody says that a column holds text about a person, a number that looks like a card's may be anything.
UNTYPED_TEXT = TEXT.removesuffix(" " + CANARY["card_number"])


def value_of(feed: Feed, column: Column, row: int) -> str:
    """What a right row has in a column; row 0 is the canary's, and every other somebody else's."""
    if column.private and row == 0:
        by_column = {"birth_date": "born", "recipient_name": "name", "customer_name": "name", "employee_name": "name"}
        kind = by_column.get(column.name, column.name)
        return TEXT if column.holds == "free_text" else CANARY.get(kind, f"key-{row}")
    if column.name == "phone":
        return f"010{20000000 + row}"
    if column.name.endswith("_key") or (
        column.name in feed.key and column.data_type == "varchar" and not column.values
    ):
        return f"{column.name[:2].upper()}{row:06}"
    if column.name == "currency":
        return "KRW"
    if column.values:
        return column.values[0]
    if column.data_type in ("date", "timestamp"):
        return "2024-01-15"
    return "1" if column.data_type != "varchar" else f"thing{row % 5}"


def lines_of(feed: Feed) -> list[list[str]]:
    """Right rows, then as many wrong ones as the feed tolerates, each with the canary in another column."""
    rows = [[value_of(feed, column, row) for column in feed.columns] + [UNTYPED_TEXT] for row in range(OTHERS)]
    spoilt = [place for place, column in enumerate(feed.columns) if column.values or column.code or is_typed(column)]
    for number, place in enumerate(spoilt[: max(int(feed.tolerance * OTHERS) - 1, 0)]):
        wrong = [value_of(feed, column, OTHERS + number) for column in feed.columns] + [""]
        # Of a code nobody can say whether it is a name.
        kinds = ("phone", "email") if feed.columns[place].code else ("name", "phone", "email", "address")
        wrong[place] = CANARY[kinds[number % len(kinds)]]
        rows.append(wrong)
    return rows


def is_typed(column: Column) -> bool:
    return column.data_type != "varchar"


def deliver(home: CommandHome, feed: Feed) -> list[dict[str, object]]:
    """The feed's file, and of some feeds one without header and one of broken JSON; and the sources they come from."""
    header = [column.name for column in feed.columns] + ["memo"]
    lines = [",".join(row) for row in lines_of(feed)]
    if feed.tolerance * OTHERS > 1:
        lines.append(f'X,"{UNTYPED_TEXT}')
    columns = {column.name: column.name for column in feed.columns}
    right = {"feed": feed.name, "source_system": "branch", "path": f"inbox/{feed.name}.csv", "format": "csv"}
    inbox = home.folder / "inbox"
    (inbox / f"{feed.name}.csv").write_text("\n".join([",".join(header), *lines]) + "\n", encoding="utf-8")
    (inbox / f"{feed.name}.headless.csv").write_text("\n".join(lines[:40]) + "\n", encoding="utf-8")
    records = [f'{{"who": "{UNTYPED_TEXT}", "key": ', json.dumps({UNTYPED_TEXT: UNTYPED_TEXT}, ensure_ascii=False)]
    (inbox / f"{feed.name}.jsonl").write_text("\n".join(records) + "\n", encoding="utf-8")
    optional = {"delivery": {"cadence": "once", "due": "04:30", "required": False}}
    common = {"delivery_date": DAY, "columns": columns}
    sources: list[dict[str, object]] = [right | common | {"codec": "utf-8"}]
    if feed.name not in SPOILT:
        return sources
    return [
        *sources,
        right
        | common
        | optional
        | {"source_system": "headless", "path": f"inbox/{feed.name}.headless.csv", "codec": "utf-8"},
        right
        | common
        | optional
        | {"source_system": "broken", "path": f"inbox/{feed.name}.jsonl", "format": "json_lines"},
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A home that every feed was delivered to, run, asked and repaired; what the commands printed lies in `printed`."""
    home = CommandHome(tmp_path_factory.mktemp("canary") / "home")
    home.folder.mkdir(mode=0o700)
    (home.folder / "inbox").mkdir()
    sources = [source for feed in feeds().values() for source in deliver(home, feed)]
    home.sources_file.write_text(yaml.safe_dump({"version": 1, "sources": sources}, allow_unicode=True))
    printed = home.folder / "printed"
    printed.mkdir()
    held = "select left(batch_id, 8) || ':' || row_number from quarantine.rows where feed = 'branch__customers' limit 1"
    commands: list[tuple[str, ...]] = [
        ("doctor",),
        ("run", "--today", "2024-02-01", "--verbose"),
        ("status", "--today", "2024-02-01"),
        ("quality", "report"),
        ("quarantine", "list"),
        ("quarantine", "fix", "{held}", "--set", f"birth_date={CANARY['phone']}", "--reason", "a wrong fix"),
        ("quarantine", "discard", "{held}", "--reason", "a test"),
        ("quarantine", "fix", "nobody:1", "--set", f"birth_date={CANARY['phone']}", "--reason", "no such row"),
        ("identity", "events"),
        ("identity", "review"),
        ("identity", "why", "branch:CU000000", "branch:CU000001"),
        ("person", "show", "branch:CU000000", "--reason", "a request", "--out", "{folder}/canary.json"),
        ("person", "log"),
        ("retract", "dm__returns", DAY, "--system", "broken", "--reason", "broken"),
    ]
    for number, command in enumerate(commands):
        name = home.ask(held)[0][0] if "{held}" in command else ""
        arguments = [part.replace("{held}", name).replace("{folder}", str(home.folder.parent)) for part in command]
        done = home.crmdw(*arguments)
        (printed / f"{number:02}_{command[0]}.txt").write_text(f"{done.returncode}\n{done.stdout}\n{done.stderr}")
    return home


@pytest.fixture(scope="module")
def hits(home: CommandHome) -> list[Hit]:
    settings = Settings(home.folder, home.sources_file, "1GB", 2, 3)
    return search(settings, home.folder, SEEDED)


def is_allowed(hit: Hit) -> bool:
    if hit.kind in NEVER_STORED:
        return hit.file.startswith("inbox/")
    is_private = hit.file == "warehouse.duckdb" and hit.place.startswith(PRIVATE_SCHEMAS)
    return hit.file.startswith(MAY_HOLD) or is_private


def test_the_canary_came_in_and_was_published(home):
    printed = sorted((home.folder / "printed").iterdir())
    assert printed[1].read_text().startswith("0\n"), printed[1].read_text()
    assert home.published.exists()
    for feed in feeds().values():
        (loaded,) = home.ask(f"select count(*) from raw.{feed.name}")[0]
        assert loaded >= OTHERS, feed.name
    (held,) = home.ask("select count(*) from quarantine.rows")[0]
    assert held > 200


def test_no_value_of_the_canary_lies_where_it_must_not(hits):
    assert [hit for hit in hits if not is_allowed(hit)] == []


def test_nobody_else_may_open_what_a_command_wrote(home):
    """What is published may be read; the folder above it says by whom."""
    assert home.folder.stat().st_mode & 0o077 == 0
    open_files = [
        path.relative_to(home.folder).as_posix()
        for path in home.folder.rglob("*")
        if path.stat().st_mode & 0o077 and path.relative_to(home.folder).parts[0] not in ("inbox", "printed")
    ]
    versions = [f"published/versions/{path.name}" for path in (home.folder / "published" / "versions").iterdir()]
    assert sorted(open_files) == sorted(["published/crm.duckdb", "sources.yml", *versions])


def test_the_canary_is_shown_to_whoever_asks_for_it_alone(home):
    document = json.loads((home.folder.parent / "canary.json").read_text(encoding="utf-8"))
    assert document["reason"] == "a request"
    shown = {feed for feed, told in document["sources"].items() if TEXT[:5] in json.dumps(told, ensure_ascii=False)}
    assert {"branch__customers", "dm__mailings", "service__cases"} <= shown
    assert document["published"]["core.dim_customer"]
    assert (home.folder.parent / "canary.json").stat().st_mode & 0o777 == 0o600
    assert home.ask("select accessed_by, reason from state.accesses")[0][1] == "a request"


def test_the_search_sees_the_canary_where_it_may_lie(hits):
    seen = {(hit.file.split("/")[0], hit.kind) for hit in hits}
    for kind in CANARY:
        assert ("inbox", kind) in seen
        if kind not in NEVER_STORED:
            assert ("archive", kind) in seen and ("warehouse.duckdb", kind) in seen


@pytest.fixture
def leaks(home: CommandHome) -> Iterator[list[Path]]:
    """The canary's name where a careless line of code would put it."""
    places = [home.folder / place for place in ("dagster/history/leak.log", "dbt/leak.json", "reports/leak.html")]
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps({"message": f"cannot load {CANARY['name']}"}))
    yield places
    for place in places:
        place.unlink()


def test_a_planted_leak_is_found(home, leaks):
    settings = Settings(home.folder, home.sources_file, "1GB", 2, 3)
    skip = [home.folder / name for name in ("inbox", "archive", "published")]
    found = {hit.file for hit in search(settings, home.folder, SEEDED, skip) if not is_allowed(hit)}
    assert found == {leak.relative_to(home.folder).as_posix() for leak in leaks}
