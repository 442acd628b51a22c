"""`kill -9` inside a repair: the decision is made or not made, never half, and the same command finishes the work."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from loading_home import LoadingHome

from pipelines.errors import ExitCode

from .contents import Content, content, differences, leftovers, unaccounted
from .killing import KillServer
from .scale import SCALE, SEED

FEED = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
DAY = "2024-01-02"
REASON = ("--reason", "asked the branch")


@dataclass(frozen=True)
class Repaired:
    """A home before it is repaired, and what it holds afterwards when nothing happens."""

    home: Path
    row: str
    effects: dict[str, int]
    expected: dict[str, Content]


def requests(row: str) -> dict[str, dict[str, Any]]:
    """Name -> what the kill server is asked for; a rebuild without the marts that its command builds at the end."""
    return {
        "fix": {"arguments": ["quarantine", "fix", row, "--set", "생일=1990-01-30", *REASON]},
        "discard": {"arguments": ["quarantine", "discard", row, *REASON]},
        "retract": {"arguments": ["retract", FEED, DAY, *REASON]},
        "rebuild": {"rebuild": True},
    }


def rows_of(home: Path) -> Content:
    """What a home holds, without ledger and decisions: a command that is given again is noted again."""
    return {name: rows for name, rows in content(home).items() if not name.startswith(("ledger.", "state."))}


@pytest.fixture(scope="module")
def repaired(new_home, run: KillServer, tmp_path_factory) -> Repaired:
    home: LoadingHome = new_home()
    home.add_source(FEED, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    for day in (1, 2, 3):
        rows = "".join(f"K{key},김은경,1990-01-31\n" for key in range(day, day + 30))
        home.deliver(f"customers_2024010{day}.csv", f"번호,이름,생일\n{rows}W1,김은경,1990-02-31\n")
    home.sources_file()
    assert run(home.settings.home, {"feed": FEED})["code"] == 0
    before = tmp_path_factory.mktemp("repaired") / "before"
    shutil.copytree(home.settings.home, before)
    ((batch, number),) = home.rows(
        "select batch_id, row_number from quarantine.rows "
        "where batch_id = (select batch_id from ledger.loads where delivery_date = ?)",
        DAY,
    )
    row = f"{batch}:{number}"
    effects, expected = {}, {}
    for name, request in requests(row).items():
        undisturbed = Path(shutil.copytree(before, before.with_name(name)))
        done = run(undisturbed, request)
        assert done["code"] == 0, name
        effects[name], expected[name] = done["effects"], rows_of(undisturbed)
    assert differences(expected["fix"], expected["rebuild"]), "a repair changes something"
    return Repaired(before, row, effects, expected)


@pytest.mark.long
@pytest.mark.parametrize("number", range(SCALE))
@pytest.mark.parametrize("name", sorted(requests("")))
def test_a_killed_repair_is_finished_by_the_same_command(repaired, run, tmp_path, name, number):
    random = Random(f"{SEED} {name} {number}")
    kill_at = 1 + int((number + random.random()) * repaired.effects[name] / SCALE)
    home = Path(shutil.copytree(repaired.home, tmp_path / "home"))
    request = requests(repaired.row)[name]
    killed = run(home, request, kill_at=kill_at, delay=random.choice([0, 0, 0.001]))
    where = f"{name} killed at effect {kill_at} of {repaired.effects[name]}: {killed}"
    assert killed["code"] in (-9, -14, 0), where
    assert unaccounted(home) == [], where
    again = run(home, request)
    # What was decided before the kill is no longer there to be decided.
    assert again["code"] in (0, ExitCode.USAGE), f"{where}, then {again}"
    assert run(home, {"feed": FEED})["code"] == 0, where
    assert differences(rows_of(home), repaired.expected[name]) == [], where
    assert unaccounted(home) == [], where
    assert leftovers(home) == [], where
