"""`kill -9` inside the load path: the warehouse opens, no row is lost or doubled, the next load mends everything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from loading_home import LoadingHome

from .contents import Content, content, differences, leftovers, unaccounted
from .killing import KillServer
from .scale import SCALE, SEED, sweep

CUSTOMERS, AREAS = "branch__customers", "demographics__areas"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
Load = Callable[[dict[str, Any]], None]

HEADER = "번호,이름,생일\n"


def customer_file(*keys: int, wrong: int = 0) -> str:
    lines = [f"K{key},김은경,1990-01-{1 + key % 28:02}\n" for key in keys]
    return HEADER + "".join(lines) + "W1,김은경,1990-02-31\n" * wrong


def deliver_customers(home: LoadingHome, day: int, text: str) -> Path:
    return home.deliver(f"customers_202401{day:02}.csv", text, codec="cp949")


def customers(home: LoadingHome) -> dict[str, Any]:
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    deliver_customers(home, 1, customer_file(*range(40), wrong=1))
    deliver_customers(home, 2, customer_file(1, 2, wrong=2))
    deliver_customers(home, 3, "not what was agreed\n1\n")
    deliver_customers(home, 4, customer_file(1, 1, 2))
    return {"feed": CUSTOMERS}


def first_load(home: LoadingHome, load: Load) -> dict[str, Any]:
    return customers(home)


def corrections(home: LoadingHome, load: Load) -> dict[str, Any]:
    load(customers(home))
    deliver_customers(home, 1, customer_file(*range(1, 42)))
    deliver_customers(home, 2, "refused again\n")
    os.utime(deliver_customers(home, 4, customer_file(1, 1, 2)), (1, 1))
    deliver_customers(home, 5, customer_file(3, 4))
    return {"feed": CUSTOMERS}


def late_snapshot(home: LoadingHome, load: Load) -> dict[str, Any]:
    home.add_source(AREAS, "areas_{date:%Y%m%d}.csv", {"area_key": "code", "province": "name"}, codec="utf-8")
    home.deliver("areas_20240101.csv", "code,name\nA,서울\nB,부산\n")
    home.deliver("areas_20240115.csv", "code,name\nA,서울\nB,대구\nC,광주\n")
    load({"feed": AREAS})
    home.deliver("areas_20240108.csv", "code,name\nA,인천\nB,대구\n")
    return {"feed": AREAS}


def reading_anew(home: LoadingHome, load: Load) -> dict[str, Any]:
    load(customers(home))
    # A day whose file is gone is read from the archive.
    deliver_customers(home, 4, "").unlink()
    return {"feed": CUSTOMERS, "reload": True}


Preparation = Callable[[LoadingHome, Load], dict[str, Any]]
SCENARIOS: list[Preparation] = [first_load, corrections, late_snapshot, reading_anew]
KILLS = 20 * SCALE // len(SCENARIOS)


@dataclass(frozen=True)
class Scenario:
    """A home before the act, the act, and what the home holds after it when nothing happens."""

    home: Path
    request: dict[str, Any]
    effects: int
    expected: Content


@pytest.fixture(scope="module")
def scenarios(new_home, run: KillServer, tmp_path_factory) -> Callable[[Preparation], Scenario]:
    made: dict[str, Scenario] = {}

    def scenario(prepare: Preparation) -> Scenario:
        if prepare.__name__ not in made:
            home = new_home()

            def load(request: dict[str, Any]) -> None:
                home.sources_file()
                assert run(home.settings.home, request)["code"] == 0

            request = prepare(home, load)
            home.sources_file()
            before = tmp_path_factory.mktemp(prepare.__name__) / "before"
            shutil.copytree(home.settings.home, before)
            # Each copy has paths of its own, and copies keep the times of files.
            undisturbed = Path(shutil.copytree(before, before.with_name("undisturbed")))
            done = run(undisturbed, request)
            assert done["code"] == 0
            made[prepare.__name__] = Scenario(before, request, done["effects"], content(undisturbed))
        return made[prepare.__name__]

    return scenario


@pytest.mark.parametrize("number", sweep(KILLS))
@pytest.mark.parametrize("prepare", SCENARIOS, ids=lambda prepare: prepare.__name__)
def test_a_killed_load_is_mended_by_the_next(scenarios, run, tmp_path, prepare, number):
    scenario = scenarios(prepare)
    random = Random(f"{SEED} {prepare.__name__} {number}")
    kill_at = 1 + int((number + random.random()) * scenario.effects / KILLS)
    delay = random.choice([0, 0, 0.0005, 0.005])
    home = Path(shutil.copytree(scenario.home, tmp_path / "home"))
    killed = run(home, scenario.request, kill_at=kill_at, delay=delay)
    where = f"killed {delay} s after effect {kill_at} of {scenario.effects}: {killed}"
    assert killed["code"] in ((-9,) if not delay else (-14, 0)), where
    assert unaccounted(home) == [], where
    lines = "ledger.loads"
    # A reload that was killed after its commit is done: a second one would add its lines to the ledger.
    is_there = (home / "warehouse.duckdb").exists()
    is_done = is_there and len(content(home).get(lines, [])) == len(scenario.expected[lines])
    again = run(home, scenario.request | {"reload": False} if is_done else scenario.request)
    assert again["code"] == 0, where
    assert differences(content(home), scenario.expected) == [], where
    assert leftovers(home) == [], where
