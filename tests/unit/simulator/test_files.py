"""The native files: codecs, shapes, dirt and what a delivery holds."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from pipelines.simulator.branch_layouts import CUSTOMERS, TRANSACTIONS
from pipelines.simulator.deliveries import ALL_LAYOUTS
from pipelines.simulator.layouts import Layout
from pipelines.simulator.partner_layouts import CALLS, CONTACTS, MAILINGS
from pipelines.simulator.service_layouts import CONSENTS_AT_BRANCH

from .conftest import Simulated

SPOILED = [CUSTOMERS, TRANSACTIONS, CALLS, MAILINGS, CONSENTS_AT_BRANCH]


def files_of(simulated: Simulated, layout: Layout) -> list[Path]:
    return sorted(simulated.folder.glob(layout.path.split("{")[0] + "*"))


def dirt_of(simulated: Simulated, layout: Layout) -> list[tuple[str, int, str]]:
    found = duckdb.execute(
        f"select file, line_number, kind from '{simulated.folder}/truth/dirt.parquet' where feed = ?", [layout.name]
    )
    return found.fetchall()


def is_clean(line: bytes, layout: Layout) -> bool:
    """Whether a line can be read in full, judged without the truth. Duplicates are not seen here."""
    try:
        decoded = line.decode(layout.codec)
    except UnicodeDecodeError:
        return False
    if layout.form == "json_lines":
        return is_clean_call(decoded)
    cells = next(csv.reader([decoded]))
    if len(cells) != len(layout.fields):
        return False
    for one, cell in zip(layout.fields, cells, strict=True):
        if one.codes and cell and cell not in one.codes.values():
            return False
        if one.pattern and cell and sum(letter.isdigit() for letter in cell) < 8:
            return False
        if one.pattern and (cell == "20231345" or cell.startswith("0000")):
            return False
        if one.column.endswith("_amount") or one.column == "amount":
            whole = cell.lstrip("-")
            if whole and not whole.isdigit():
                return False
    return bool(cells[0])


def is_clean_call(line: str) -> bool:
    try:
        call = json.loads(line)
    except json.JSONDecodeError:
        return False
    started = call["times"]["started_at"]
    return bool(call["call"]["id"]) and call["call"]["direction"] in ("IN", "OUT") and len(started) == 19


@pytest.mark.parametrize("layout", SPOILED, ids=lambda layout: layout.feed)
def test_exactly_the_recorded_lines_are_dirty(simulated: Simulated, layout: Layout) -> None:
    recorded = {(file, line) for file, line, kind in dirt_of(simulated, layout) if kind != "duplicate"}
    first_line = 2 if layout.form == "csv" else 1
    seen = set()
    for file in files_of(simulated, layout):
        lines = file.read_bytes().split(b"\n")[:-1]
        rows = lines[1:] if layout.form == "csv" else lines
        name = str(file.relative_to(simulated.folder))
        seen |= {(name, n) for n, row in enumerate(rows, first_line) if not is_clean(row, layout)}
    assert seen == recorded
    assert recorded


@pytest.mark.parametrize("layout", SPOILED, ids=lambda layout: layout.feed)
def test_a_recorded_duplicate_repeats_the_line_before_it(simulated: Simulated, layout: Layout) -> None:
    for file, line, kind in dirt_of(simulated, layout):
        if kind == "duplicate":
            lines = (simulated.folder / file).read_bytes().split(b"\n")
            assert lines[line - 1] == lines[line - 2]


@pytest.mark.parametrize("layout", SPOILED, ids=lambda layout: layout.feed)
def test_no_file_is_so_dirty_that_its_batch_would_be_refused(simulated: Simulated, layout: Layout) -> None:
    for name, dirty in Counter(file for file, _, _ in dirt_of(simulated, layout)).items():
        lines = (simulated.folder / name).read_bytes().count(b"\n")
        assert lines >= 40
        assert dirty <= 0.05 * lines


def test_about_half_a_percent_of_the_spoiled_feeds_is_dirty(simulated: Simulated) -> None:
    rows = sum(simulated.counts[layout.name] for layout in SPOILED)
    dirty = sum(len(dirt_of(simulated, layout)) for layout in SPOILED)
    assert 0.003 < dirty / rows < 0.008


def test_feeds_that_are_not_spoiled_have_no_dirt(simulated: Simulated) -> None:
    feeds = duckdb.sql(f"select distinct feed from '{simulated.folder}/truth/dirt.parquet'").fetchall()
    assert {feed for (feed,) in feeds} <= {layout.name for layout in ALL_LAYOUTS if layout.spoils}


def test_calls_are_nested(simulated: Simulated) -> None:
    lines = files_of(simulated, CALLS)[5].read_text(encoding="utf-8").splitlines()
    call = json.loads(lines[0])
    assert call.keys() == {"call", "party", "times", "agent", "result"}
    assert isinstance(call["times"]["wait_seconds"], int)


def test_a_transaction_is_delivered_on_the_day_it_happened(simulated: Simulated) -> None:
    for file in files_of(simulated, TRANSACTIONS):
        for line in file.read_bytes().decode("cp949", "replace").splitlines()[1:]:
            cells = line.split(",")
            if len(cells) == len(TRANSACTIONS.fields) and cells[5][:2] == "20" and len(cells[5]) == 19:
                assert cells[5][:10].replace("-", "") == file.stem[-8:]


def test_contacts_are_typed_and_controls_never_sent(simulated: Simulated) -> None:
    pattern = simulated.folder / (CONTACTS.path.split("{")[0] + "*.parquet")
    contacts = duckdb.sql(f"select * from '{pattern}'")
    types = dict(zip(contacts.columns, map(str, contacts.types), strict=True))
    assert types["sent_at"] == "TIMESTAMP"
    assert types["cost"] == "DECIMAL(18,2)"
    control, touched, unsent, both = duckdb.sql(
        """
        select
            count(*) filter ("group" = 'C'),
            count(*) filter ("group" = 'C' and coalesce(sent_at::text, cost::text, skipped_because) is not null),
            count(*) filter ("group" = 'T' and skipped_because is not null),
            count(*) filter (skipped_because is not null and sent_at is not null)
        from contacts
        """
    ).fetchone()
    assert control > 0
    assert unsent > 0
    assert touched == both == 0


def test_every_treatment_is_sent_or_has_a_reason_in_the_end(simulated: Simulated) -> None:
    pattern = simulated.folder / (CONTACTS.path.split("{")[0] + "*.parquet")
    (open_count,) = duckdb.sql(
        f"""
        select count(*) from (
            select contact_id, count(sent_at) as sent, count(skipped_because) as skipped
            from '{pattern}' where "group" = 'T' group by contact_id
        ) where sent + skipped <> 1
        """
    ).fetchone()
    assert open_count == 0


def test_nobody_calls_or_mails_a_control(simulated: Simulated) -> None:
    pattern = simulated.folder / (CONTACTS.path.split("{")[0] + "*.parquet")
    controls = {key for (key,) in duckdb.sql(f"""select contact_id from '{pattern}' where "group" = 'C'""").fetchall()}
    text = b"".join(file.read_bytes() for file in files_of(simulated, MAILINGS)).decode("cp949", "replace")
    text += b"".join(file.read_bytes() for file in files_of(simulated, CALLS)).decode("utf-8", "replace")
    assert "CMP20230111-" in text
    assert not [key for key in controls if key in text]
