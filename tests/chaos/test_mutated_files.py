"""Damaged files: each ends as loaded, quarantined or refused with a clear error, and harms no other.

How many records a file has is counted by other means than the project's own (`formats.py`).
"""

from __future__ import annotations

import faulthandler
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from loading_home import LoadingHome

from pipelines.contracts import SYSTEM_COLUMNS, feeds

from .deliveries import FEED, add_source, deliver, simulated_transactions
from .formats import FORMATS, Format, Table
from .mutations import MUTATIONS, Mutation
from .scale import SCALE, SEED, sweep

MUTANTS, PER_LOAD = 100 * SCALE, 25
ROWS, INTACT_ROWS = 40, 120
SECONDS = 120

COLUMNS = [name for name in feeds()[FEED].raw_columns() if name not in SYSTEM_COLUMNS and not name.endswith("_system")]


@dataclass(frozen=True)
class Mutant:
    """One damaged file."""

    number: int
    form: Format
    mutation: Mutation
    content: bytes

    @property
    def part(self) -> str:
        return f"m{self.number:04}"

    def __str__(self) -> str:
        return f"mutant {self.number}: {self.form.name}, {self.mutation.name}"


def mutant(number: int, table: Table) -> Mutant:
    """The file of that number: formats take turns, and each goes through its mutations in an order of its own."""
    turn, at = divmod(number, len(FORMATS))
    form = FORMATS[at]
    fitting = [mutation for mutation in MUTATIONS if mutation.fits(form)]
    Random(f"{SEED} {form.name}").shuffle(fitting)
    random = Random(f"{SEED} {number}")
    start = random.randrange(len(table.rows) - ROWS)
    rows = Table(table.header, table.rows[start : start + ROWS])
    mutation = fitting[turn % len(fitting)]
    return Mutant(number, form, mutation, mutation.applied(random, form, rows))


@dataclass(frozen=True)
class Intact:
    """A home with one intact file of every format loaded, what was sent, and the loaded values of each sent row."""

    home: LoadingHome
    table: Table
    values: frozenset[tuple[Any, ...]]


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Ends what hangs: with an error where Python still runs, else with the whole process and its stacks shown."""

    def end(number: int, frame: Any) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(2 * seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def loaded_values(home: LoadingHome, condition: str = "true", *parameters: Any) -> list[tuple[Any, ...]]:
    return home.rows(f"select {', '.join(COLUMNS)} from raw.{FEED} where {condition} order by all", *parameters)


def everything_of(home: LoadingHome, part: str) -> list[list[tuple[Any, ...]]]:
    """All that the warehouse holds of the deliveries of a part."""
    batches = "batch_id in (select batch_id from ledger.loads where part = ?)"
    return [
        home.rows(f"select * from raw.{FEED} where {batches} order by all", part),
        home.rows(f"select * from quarantine.rows where {batches} order by all", part),
        home.rows("select * from ledger.loads where part = ? order by all", part),
        home.rows(f"select * from ledger.gate_results where {batches} order by all", part),
    ]


@pytest.fixture(scope="module")
def intact(new_home, tmp_path_factory) -> Intact:
    table, columns = simulated_transactions(tmp_path_factory.mktemp("simulated"))
    home = new_home()
    for form in FORMATS:
        add_source(home, form, table.header, columns)
        deliver(home, form, "intact", form.packed(form.render(Table(table.header, table.rows[:INTACT_ROWS]))))
    result = home.load(FEED)
    assert (result.batches, result.refused) == (len(FORMATS), [])
    # The values that later files may load are those of the same rows, undamaged.
    whole = new_home()
    add_source(whole, FORMATS[0], table.header, columns)
    deliver(whole, FORMATS[0], "whole", FORMATS[0].render(table))
    whole.load(FEED)
    return Intact(home, table, frozenset(loaded_values(whole)))


def test_an_intact_file_gives_the_same_rows_in_every_format(intact):
    rows = {form.name: loaded_values(intact.home, "source_system = ?", form.name) for form in FORMATS}
    assert len(rows["csv_cp949"]) == INTACT_ROWS
    assert [name for name, found in rows.items() if found != rows["csv_cp949"]] == []
    assert set(rows["csv_cp949"]) <= intact.values


def test_every_mutation_damages_what_it_is_given(intact):
    table = Table(intact.table.header, intact.table.rows[:ROWS])
    for form in FORMATS:
        for mutation in MUTATIONS:
            if mutation.fits(form):
                tries = {mutation.applied(Random(seed), form, table) for seed in range(5)}
                assert tries != {form.packed(form.render(table))}, (form.name, mutation.name)


@pytest.mark.parametrize("number", sweep(MUTANTS // PER_LOAD))
def test_mutated_files_end_as_loaded_quarantined_or_refused(intact, tmp_path, number):
    home = copied(intact.home, tmp_path / "home")
    first = number * PER_LOAD
    mutants = [mutant(number, intact.table) for number in range(first, first + PER_LOAD)]
    paths = {one.number: deliver(home, one.form, one.part, one.content) for one in mutants}
    before = everything_of(intact.home, "intact")
    with within(SECONDS):
        result = home.load(FEED)
    found = [fault for one in mutants for fault in faults(home, one, paths[one.number], result.refused, intact)]
    assert found == []
    assert everything_of(home, "intact") == before
    with within(SECONDS):
        assert home.load(FEED).batches == 0, "what was judged once is not judged again"


def copied(home: LoadingHome, folder: Path) -> LoadingHome:
    shutil.copytree(home.settings.home, folder)
    return replace(home, settings=replace(home.settings, home=folder, sources_file=folder / "sources.yml"))


def faults(home: LoadingHome, one: Mutant, path: Path, refused: list[str], intact: Intact) -> list[str]:
    """What is wrong with how a damaged file ended."""
    lines = home.rows(
        "select batch_id, verdict, reason, rows_read, rows_loaded, rows_quarantined, rows_duplicate, rows_unchanged, "
        "rows_blocked from ledger.loads where file = ?",
        str(path),
    )
    if len(lines) != 1:
        return [f"{one}: {len(lines)} lines in the ledger"]
    batch, verdict, reason, read, *places = lines[0]
    values = loaded_values(home, "batch_id = ?", batch)
    raw = [number for (number,) in home.rows(f"select row_number from raw.{FEED} where batch_id = ?", batch)]
    held = [number for (number,) in home.rows("select row_number from quarantine.rows where batch_id = ?", batch)]
    records = one.form.records(one.content)
    told = [text for text in refused if path.name in text]
    wrong = {
        f"{read} records were read of {records}": not _is_right_count(one.form, records, read, verdict),
        f"{read} = {places} does not add up": read != sum(places),
        f"{len(raw)} rows in raw, {places[0]} in the ledger": len(raw) != places[0],
        f"{len(held)} rows in quarantine, {places[1]} in the ledger": len(held) != places[1],
        "a row is in two places or twice in one": len({*raw, *held}) < len(raw) + len(held),
        f"a refused file has {len(raw)} rows in raw": verdict == "refused" and bool(raw),
        f"refused without a word: {reason} {told}": verdict == "refused" and not (reason and told),
        f"no cause with a remedy: {told}": any("Remedy: " not in text for text in told),
        f"the error shows a row or is endless: {reason}": reason is not None
        and ("T2024" in reason or len(reason) > 2000 or "Traceback" in reason),
    }
    if one.mutation.keeps_values:
        others = [row for row in values if row not in intact.values]
        wrong[f"{len(others)} rows were loaded that nobody sent: {others[:2]}"] = bool(others)
    return [f"{one}: {text}" for text, is_wrong in wrong.items() if is_wrong]


def _is_right_count(form: Format, records: int | None, read: int, verdict: str) -> bool:
    if form.is_text and records is None:
        return read == 0 and verdict == "refused"
    # Of damaged binary files, one reader makes something where another does not; what is refused may be left unread.
    return records is None or read == records or (not form.is_text and read == 0 and verdict == "refused")


# What mutated files have shown, each as small as it can be.
def test_a_database_with_a_column_without_a_name_is_read(intact, tmp_path):
    home = copied(intact.home, tmp_path / "home")
    (form,) = [form for form in FORMATS if form.name == "sqlite"]
    header = [*intact.table.header[:-1], ""]
    deliver(home, form, "nameless", form.render(Table(header, intact.table.rows[:ROWS])))
    result = home.load(FEED)
    assert (result.refused, result.counts["loaded"]) == ([], ROWS)


def test_a_file_that_is_wrong_in_many_ways_is_refused_in_few_words(intact, tmp_path):
    home = copied(intact.home, tmp_path / "home")
    (form,) = [form for form in FORMATS if form.name == "csv_utf_8"]
    lines = [",".join(intact.table.header), *("," * count for count in range(20, 80))]
    deliver(home, form, "garbled", "\n".join(lines).encode())
    (reason,) = home.load(FEED).refused
    assert "too many columns" in reason
    assert "; and 52 more rules. Remedy: " in reason
    assert len(reason) < 2000
