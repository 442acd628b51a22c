"""`kill -9` inside an erasure: the person is there or gone, and nothing in between, once the next command has begun."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.ledger.export import export_state
from pipelines.person.search import Hit, search

from .contents import content
from .killing import KillServer
from .scale import SCALE, SEED, sweep

KILLS = 6 * SCALE
ERASE = {"erase": ["branch:K00001"]}
# What is theirs alone: an employee has the same name, and somebody else has called from the other telephone.
VALUES = {
    "phone": ["02-333-4444"],
    "email": ["Sky@Example.com"],
    "customer_key": ["K00001", "77777"],
}


@dataclass(frozen=True)
class Erased:
    """A home before somebody is erased, how many rows it has then and afterwards, and in how many effects."""

    home: Path
    before: dict[str, int]
    after: dict[str, int]
    effects: int


def counts(home: Path) -> dict[str, int]:
    """Table or archived batch -> its rows; what stands for an erased person is drawn anew each time."""
    return {name: len(rows) for name, rows in content(home).items()}


def hits(home: LoadingHome, folder: Path) -> list[Hit]:
    return search(home.settings, folder, VALUES, [folder / "inbox", folder / "scratch"])


@pytest.fixture(scope="module")
def erased(person_home: LoadingHome, run: KillServer, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    folder = tmp_path_factory.mktemp("erased")
    before = Path(shutil.copytree(person_home.settings.home, folder / "before"))
    settings = replace(person_home.settings, home=before, sources_file=before / "sources.yml")
    with connected(settings, settings.warehouse) as warehouse:
        export_state(warehouse, settings)
    undisturbed = Path(shutil.copytree(before, folder / "after"))
    done = run(undisturbed, ERASE)
    assert done["code"] == 0
    assert hits(person_home, before) and not hits(person_home, undisturbed)
    return Erased(before, counts(before), counts(undisturbed), done["effects"])


@pytest.mark.parametrize("number", sweep(KILLS))
def test_a_killed_erasure_is_finished_or_was_never_begun(erased, person_home, run, tmp_path, number):
    random = Random(f"{SEED} erasure {number}")
    kill_at = 1 + int((number + random.random()) * erased.effects / KILLS)
    home = Path(shutil.copytree(erased.home, tmp_path / "home"))
    killed = run(home, ERASE, kill_at=kill_at, delay=random.choice([0, 0, 0.001]))
    where = f"killed at effect {kill_at} of {erased.effects}: {killed}"
    assert killed["code"] in (-9, -14, 0), where
    # Every command begins with an empty scratch folder.
    shutil.rmtree(home / "scratch", ignore_errors=True)
    (home / "scratch").mkdir()
    assert run(home, {"finish": True})["code"] == 0, where
    assert counts(home) in (erased.before, erased.after), where
    assert bool(hits(person_home, home)) == (counts(home) == erased.before), where
    assert not (home / "state" / "erasing.json").exists(), where
