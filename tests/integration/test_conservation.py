"""Conservation: read = loaded + quarantined + duplicate + unchanged + blocked, per batch, each row in exactly one.

Hypothesis makes the deliveries. What each record must become is known from how it was made, line by line, so that
nothing here is counted by the code under test.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loading_home import LoadingHome

from pipelines.archive.batches import archived_delivery
from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.ledger.decisions import Author
from pipelines.loading.feed import load_deliveries
from pipelines.repair.decided import decide, find_deliveries, load_what_is_stale, mark_stale, restore, retract
from pipelines.repair.quarantine import held_rows
from pipelines.replay.rebuild import rebuild

LOADED, QUARANTINED, DUPLICATE = "loaded", "quarantined", "duplicate"

FEED = "branch__customers"
TOLERANCE = 0.05
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
HEADER = ["번호", "이름", "생일", "비고"]
NAMES = ["김은경", "권 미숙", "O'Brien", "뷁", "a;b", "50%", ""]

FEW = settings().max_examples // 12
"""Of examples, each of which loads several times with the real gate."""

few_examples = settings(
    max_examples=FEW,
    # Shrinking a failure would take minutes, because each example loads with the real gate.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass
class Expected:
    """What a delivery must become: the place of each record by its line, and whether the batch is refused."""

    places: dict[int, str] = field(default_factory=dict)
    is_refused: bool = False

    def judged(self, unparsed: int = 0) -> "Expected":
        """With the tolerance applied: a refused batch holds back what it would have loaded.

        Nothing is tolerated where all records are among the `unparsed`, which could not be read at all.
        """
        held = sum(place == QUARANTINED for place in self.places.values())
        tolerated = 0 if unparsed == len(self.places) else math.ceil(TOLERANCE * len(self.places))
        if self.is_refused or held > tolerated:
            places = {line: QUARANTINED if place == LOADED else place for line, place in self.places.items()}
            return Expected(places, True)
        return self

    def count(self, place: str) -> int:
        return sum(found == place for found in self.places.values())


@dataclass(frozen=True)
class File:
    """One delivery as bytes, and what must become of it."""

    content: bytes
    expected: Expected


def assert_conserved(home: LoadingHome, feed: str, day: date, expected: Expected) -> None:
    """The ledger's counts and the places of all row numbers are the expected ones."""
    condition = "feed = ? and delivery_date = ? and is_current"
    (batch_id, verdict, *counts) = home.rows(
        "select batch_id, verdict, rows_read, rows_loaded, rows_quarantined, rows_duplicate, rows_unchanged, "
        f"rows_blocked from ledger.loads where {condition}",
        feed,
        day,
    )[0]
    places = {line for (line,) in home.rows(f'select row_number from raw."{feed}" where batch_id = ?', batch_id)}
    held = [line for (line,) in home.rows("select row_number from quarantine.rows where batch_id = ?", batch_id)]
    assert places == {line for line, place in expected.places.items() if place == LOADED}
    assert sorted(held) == sorted(line for line, place in expected.places.items() if place == QUARANTINED)
    assert verdict == ("refused" if expected.is_refused else "loaded")
    assert counts == [
        len(expected.places),
        expected.count(LOADED),
        expected.count(QUARANTINED),
        expected.count(DUPLICATE),
        0,
        0,
    ]


VALID_KINDS = ["plain", "quoted comma", "doubled quote", "empty values", "remark"]
WRONG_KINDS = [
    "too few columns",
    "too many columns",
    "open quote",
    "quote inside a quoted field",
    "bad date",
    "missing key",
    "undecodable byte",
    "undecodable byte before a delimiter",
    "same key, other content",
]


def csv_line(  # noqa: PLR0912 (one case per kind of record)
    kind: str, number: int, name: str
) -> tuple[bytes, bool]:
    """A record's line without its end, and whether it can be split into columns."""
    key = f"K{number}"
    match kind:
        case "plain":
            return f"{key},{name},1990-01-31,".encode("cp949"), True
        case "quoted comma":
            return f'{key},"{name}, 귀하",19900131,"x,y"'.replace("19900131", "1990-01-31").encode("cp949"), True
        case "doubled quote":
            return f'"{key}","the ""{name}""",1990-01-31,'.encode("cp949"), True
        case "empty values":
            return f"{key},,,".encode("cp949"), True
        case "remark":
            return f"{key},{name},, spaces ".encode("cp949"), True
        case "too few columns":
            return f"{key},{name}".encode("cp949"), False
        case "too many columns":
            return f"{key},{name},1990-01-31,,더".encode("cp949"), False
        case "open quote":
            return f'{key},"{name},1990-01-31,'.encode("cp949"), False
        case "quote inside a quoted field":
            return f'{key},"{name}"x",1990-01-31,'.encode("cp949"), False
        case "bad date":
            return f"{key},{name},1990-02-31,".encode("cp949"), True
        case "missing key":
            return f",{name} {number},1990-01-31,".encode("cp949"), True
        case "undecodable byte":
            return f"{key},{name}".encode("cp949") + b"\xff,1990-01-31,", True
        case "undecodable byte before a delimiter":
            return f"{key},{name}".encode("cp949") + b"\xb1,1990-01-31,", True
        case _:
            return f"{key},{name} again,1990-01-31,".encode("cp949"), True


@st.composite
def csv_files(draw: st.DrawFn) -> File:
    """A CP949 file of some right lines with wrong ones, repeated ones and blank ones among them."""
    shape = draw(st.sampled_from(["whole"] * 8 + ["a column is missing", "nothing but its header", "empty"]))
    if shape == "empty":
        return File(b"", Expected(is_refused=True))
    kinds = draw(st.lists(st.sampled_from(VALID_KINDS), min_size=1, max_size=45))
    kinds += draw(st.lists(st.sampled_from([*WRONG_KINDS, "again", "again", "blank", "blank"]), max_size=6))
    kinds = draw(st.permutations(kinds)) if shape != "nothing but its header" else []
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    header = HEADER if shape != "a column is missing" else [name for name in HEADER if name != "이름"]
    lines = [",".join(header).encode("cp949")]
    places: dict[int, str] = {}
    # Of each record that can be split: its line number, by content; repeated, it is a duplicate.
    first_lines: dict[bytes, int] = {}
    records: list[tuple[bytes, str, bool]] = []
    keys: dict[int, int] = {}
    for number, kind in enumerate(kinds):
        line_number = len(lines) + 1
        if kind == "blank":
            lines.append(draw(st.sampled_from([b"", b"   "])))
            continue
        if kind == "again":
            if not records:
                continue
            line, place, is_split = draw(st.sampled_from(records))
            lines.append(line)
            places[line_number] = DUPLICATE if is_split else place
            continue
        of_key = number
        if kind == "same key, other content":
            if not keys:
                continue
            of_key = draw(st.sampled_from(sorted(keys)))
            places[keys.pop(of_key)] = QUARANTINED
        line, is_split = csv_line(kind, of_key, draw(st.sampled_from(NAMES)))
        place = LOADED if kind in VALID_KINDS else QUARANTINED
        lines.append(line)
        places[line_number] = place
        first_lines[line] = line_number
        records.append((line, place, is_split))
        if place == LOADED:
            keys[of_key] = line_number
    content = line_end.join(lines) + (line_end if draw(st.booleans()) else b"")
    if shape == "a column is missing":
        return File(content, Expected(dict.fromkeys(places, QUARANTINED), is_refused=True))
    return File(content, Expected(places).judged())


def deliver_days(home: LoadingHome, pattern: str, files: list[File]) -> list[date]:
    days = [date(2024, 1, 1) + timedelta(days=position) for position in range(len(files))]
    for day, file in zip(days, files, strict=True):
        home.deliver(pattern.format(date=day), file.content)
    return days


@few_examples
@given(files=st.lists(csv_files(), min_size=2, max_size=6), is_split_in_runs=st.booleans())
def test_every_record_of_a_csv_delivery_is_in_exactly_one_place(
    new_home: Callable[[], LoadingHome], files: list[File], is_split_in_runs: bool
) -> None:
    home = new_home()
    home.add_source(FEED, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    half = len(files) // 2 if is_split_in_runs else len(files)
    deliver_days(home, "customers_{date:%Y%m%d}.csv", files[:half])
    first = home.load(FEED)
    days = deliver_days(home, "customers_{date:%Y%m%d}.csv", files)
    second = home.load(FEED)
    assert first.batches + second.batches == len(files)
    for day, file in zip(days, files, strict=True):
        assert_conserved(home, FEED, day, file.expected)
    for count in ("read", "loaded", "quarantined", "duplicate"):
        expected = sum(len(file.expected.places) if count == "read" else file.expected.count(count) for file in files)
        assert first.counts[count] + second.counts[count] == expected


JSON_WRONG = ["not JSON", "cut off", "a list", "bad date", "missing key", "undecodable byte", "a nested value is gone"]


def json_line(kind: str, number: int) -> bytes:
    record = {"party": {"no": f"K{number}", "name": '김, "은경"'}, "born": "1990-01-31"}
    if kind == "bad date":
        record["born"] = "31.01.1990"
    if kind == "missing key":
        record["party"] = {"no": None, "name": f"{number}"}
    if kind == "a nested value is gone":
        # Without its birth date the row would repeat any other of its kind, of which nothing else is mapped.
        record |= {"party": f"K{number}", "born": f"{1950 + number}-01-31"}
    line = json.dumps(record, ensure_ascii=number % 2 == 0).encode()
    match kind:
        case "not JSON":
            return b"K%d,x" % number
        case "cut off":
            return line[:-5]
        case "a list":
            return b"[" + line + b"]"
        case "undecodable byte":
            return line.replace(b'"born"', b'"note": "\xff", "born"')
        case _:
            return line


@st.composite
def json_files(draw: st.DrawFn) -> File:
    kinds = draw(st.lists(st.sampled_from(["right"] * 12 + ["blank", "again"]), max_size=45))
    kinds = draw(st.permutations([*kinds, *draw(st.lists(st.sampled_from(JSON_WRONG), max_size=4))]))
    lines: list[bytes] = []
    places: dict[int, str] = {}
    whole: list[bytes] = []
    for number, kind in enumerate(kinds):
        if kind == "again" and whole:
            lines.append(draw(st.sampled_from(whole)))
            places[len(lines)] = DUPLICATE
        elif kind in ("blank", "again"):
            lines.append(b"")
        else:
            lines.append(json_line(kind, number))
            places[len(lines)] = LOADED if kind == "right" else QUARANTINED
            if kind not in ("not JSON", "cut off", "a list"):
                whole.append(lines[-1])
    return File(
        b"\n".join(lines), Expected(places).judged(len(places) - len(whole) - list(places.values()).count(DUPLICATE))
    )


@few_examples
@given(files=st.lists(json_files(), min_size=2, max_size=4))
def test_every_record_of_a_json_lines_delivery_is_in_exactly_one_place(
    new_home: Callable[[], LoadingHome], files: list[File]
) -> None:
    home = new_home()
    columns = {"customer_key": "party.no", "customer_name": "party.name", "birth_date": "born"}
    home.add_source(FEED, "{date:%Y-%m-%d}.jsonl", columns, format="json_lines", codec="utf-8")
    days = deliver_days(home, "{date:%Y-%m-%d}.jsonl", files)
    home.load(FEED)
    for day, file in zip(days, files, strict=True):
        assert_conserved(home, FEED, day, file.expected)


@st.composite
def parquet_files(draw: st.DrawFn) -> File:
    """A Parquet file, or one whose columns are others, or bytes that are none."""
    shape = draw(st.sampled_from(["whole"] * 5 + ["other columns", "no Parquet"]))
    if shape == "no Parquet":
        return File(b"PAR1 but then nothing of it", Expected(is_refused=True))
    rows: list[tuple[str | None, str, str]] = []
    places: dict[int, str] = {}
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["right"] * 20 + ["again", "bad", "no key"])))):
        if kind == "again" and rows:
            rows.append(draw(st.sampled_from(rows)))
            places[len(rows)] = DUPLICATE
        elif kind in ("right", "again"):
            rows.append((f"K{number}", "김은경", "1990-01-31"))
            places[len(rows)] = LOADED
        else:
            rows.append((None if kind == "no key" else f"K{number}", f"{number}", "never" if kind == "bad" else ""))
            places[len(rows)] = QUARANTINED
    names = ["번호", "이름", "생일"] if shape == "whole" else ["번호", "이름", "출생"]
    table = pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=7)
    content = sink.getvalue().to_pybytes()
    if shape == "other columns":
        return File(content, Expected(dict.fromkeys(places, QUARANTINED), is_refused=True))
    return File(content, Expected(places).judged())


@few_examples
@given(files=st.lists(parquet_files(), min_size=2, max_size=4))
def test_every_record_of_a_parquet_delivery_is_in_exactly_one_place(
    new_home: Callable[[], LoadingHome], files: list[File]
) -> None:
    home = new_home()
    home.add_source(FEED, "{date:%Y%m%d}.parquet", COLUMNS, format="parquet")
    days = deliver_days(home, "{date:%Y%m%d}.parquet", files)
    home.load(FEED)
    for day, file in zip(days, files, strict=True):
        assert_conserved(home, FEED, day, file.expected)


snapshots = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(["서울", "부산"]))


@few_examples
@given(
    contents=st.lists(snapshots, min_size=2, max_size=5).flatmap(
        lambda contents: st.tuples(st.just(contents), st.permutations(range(len(contents))))
    ),
    runs=st.integers(1, 3),
)
def test_a_snapshot_feed_holds_what_is_new_or_changed_in_whatever_order_it_arrives(
    new_home: Callable[[], LoadingHome], contents: tuple[list[dict[str, str]], list[int]], runs: int
) -> None:
    all_contents, order = contents
    home = new_home()
    home.add_source(
        "demographics__areas", "areas_{date:%Y%m%d}.csv", {"area_key": "code", "province": "name"}, codec="utf-8"
    )
    days = [date(2024, 1, 1) + timedelta(days=7 * position) for position in range(len(all_contents))]
    for run in range(runs):
        for position in order[run::runs]:
            lines = ["code,name", *(f"{key},{value}" for key, value in all_contents[position].items())]
            home.deliver(f"areas_{days[position]:%Y%m%d}.csv", "\n".join(lines))
        home.load("demographics__areas")

    expected = set()
    last: dict[str, str] = {}
    for day, content in zip(days, all_contents, strict=True):
        changed = {key: value for key, value in content.items() if last.get(key) != value}
        expected |= {(day, key, value) for key, value in changed.items()}
        last |= content
        counts = home.rows(
            "select rows_read, rows_loaded, rows_unchanged from ledger.loads where delivery_date = ? and is_current",
            day,
        )
        assert counts == [(len(content), len(changed), len(content) - len(changed))]
    found = home.rows("select delivery_date, area_key, province from raw.demographics__areas")
    assert sorted(found) == sorted(expected)


def test_loading_day_by_day_equals_loading_all_at_once(new_home: Callable[[], LoadingHome]) -> None:
    all_at_once, day_by_day = new_home(), new_home()
    for home in (all_at_once, day_by_day):
        home.add_source(FEED, "{date:%Y%m%d}_{part}.csv", COLUMNS, codec="utf-8")
    for day in range(1, 6):
        for part in ("east", "west"):
            rows = [f"{part}{number % (day + 2)},이름{number},1990-01-0{number}," for number in range(1, 8)]
            for home in (all_at_once, day_by_day):
                home.deliver(f"202401{day:02}_{part}.csv", "\n".join([",".join(HEADER), *rows, "x,y"]))
        day_by_day.load(FEED)
    all_at_once.load(FEED)
    tables = (
        f'select * from raw."{FEED}" order by all',
        "select * exclude (file, run_id, loaded_at) from ledger.loads order by all",
        "select * from quarantine.rows order by all",
        "select * from ledger.gate_results order by all",
    )
    for query in tables:
        assert all_at_once.rows(query) == day_by_day.rows(query)
    assert len(all_at_once.rows(tables[1])) == 10


def test_the_ledger_itself_refuses_a_line_that_loses_a_row(home: LoadingHome) -> None:
    home.add_source(FEED, "{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    home.deliver("20240101.csv", "번호,이름,생일\nK1,김은경,1990-01-31\n")
    home.load(FEED)
    with duckdb.connect(str(home.settings.warehouse)) as warehouse:
        for count in ("read", "loaded", "quarantined", "duplicate", "unchanged", "blocked"):
            try:
                warehouse.execute(f"update ledger.loads set rows_{count} = rows_{count} + 1")
            except duckdb.ConstraintException:
                continue
            raise AssertionError(f"the ledger took a wrong number of rows {count}")


def test_the_tolerance_assumed_here_is_the_contracts() -> None:
    assert feeds()[FEED].tolerance == TOLERANCE
    assert feeds()["demographics__areas"].brings == "snapshot"


REPAIRS = ["deliver", "deliver", "load", "fix", "fix", "discard", "retract", "undo", "replay", "rebuild"]
STEWARD = Author("steward", datetime(2024, 2, 1), "for the test")


def one_of(home: LoadingHome, query: str, choice: int) -> tuple | None:
    """The row of `query` that `choice` falls on, None where it has none."""
    rows = home.rows(query)
    return rows[choice % len(rows)] if rows else None


def repair(home: LoadingHome, operation: str, choice: int, contents: list[File]) -> None:
    """Do one thing that somebody may do to a home at any time; what there is nothing of is left."""
    settings, sources_file = home.settings, home.sources_file()
    if operation == "deliver":
        home.deliver(f"customers_2024010{choice % 3 + 1}.csv", contents[choice % len(contents)].content)
    elif operation == "load":
        home.load(FEED)
    elif operation == "rebuild":
        if home.rows("from ledger.loads"):
            settings.warehouse.unlink()
            rebuild(settings, sources_file, "rebuild", lambda *_: None)
    elif operation == "retract":
        if found := one_of(home, "select delivery_date from ledger.loads where is_current order by all", choice):
            retract(settings, sources_file, find_deliveries(settings, FEED, found[0], None, None), STEWARD)
            load_what_is_stale(settings, sources_file, "run", lambda *_: None)
    elif operation == "undo":
        if found := one_of(home, "select delivery_date from ledger.loads where is_retracted order by all", choice):
            with suppress(UsageError):
                manifests = restore(settings, sources_file, FEED, found[0], None, None, STEWARD)
                deliveries = [archived_delivery(sources_file, manifest) for manifest in manifests]
                load_deliveries(settings, sources_file, feeds()[FEED], deliveries, "run")
    else:
        decide_on_row(home, operation, choice)
        load_what_is_stale(settings, sources_file, "run", lambda *_: None)


def decide_on_row(home: LoadingHome, operation: str, choice: int) -> None:
    found = one_of(home, "select batch_id, row_number from quarantine.rows where status = 'open' order by all", choice)
    if not found:
        return
    with connected(home.settings, home.settings.warehouse) as warehouse:
        rows = held_rows(warehouse, "held.batch_id = ? and held.row_number = ?", list(found))
    values = [f"K9{choice}", "이름", "never" if choice % 4 == 0 else "1990-01-31", ""]
    content = json.dumps(dict(zip(HEADER, values, strict=True)))
    if operation == "fix":
        decide(home.settings, "fix", STEWARD, rows, [(*found, content)])
    elif operation == "discard":
        decide(home.settings, "discard", STEWARD, rows)
    else:
        mark_stale(home.settings, rows)


def everything(home: LoadingHome) -> list[list[tuple]]:
    """What a rebuild has to give again."""
    queries = (
        f'from raw."{FEED}"',
        "from quarantine.rows",
        "select * exclude (load_number, run_id, loaded_at) from ledger.loads where is_current",
        "from state.decisions",
    )
    return [home.rows(f"select * from ({query}) order by all") for query in queries]


@settings(few_examples, max_examples=FEW // 2)
@given(
    contents=st.lists(csv_files(), min_size=3, max_size=4),
    operations=st.lists(st.tuples(st.sampled_from(REPAIRS), st.integers(0, 40)), min_size=6, max_size=12),
)
def test_repairs_in_any_order_lose_no_row_and_a_rebuild_agrees(
    new_home: Callable[[], LoadingHome], contents: list[File], operations: list[tuple[str, int]]
) -> None:
    home = new_home()
    home.add_source(FEED, "customers_{date:%Y%m%d}.csv", COLUMNS, codec="cp949")
    deliver_days(home, "customers_{date:%Y%m%d}.csv", contents[:3])
    home.load(FEED)
    for operation, choice in operations:
        repair(home, operation, choice, contents)
    home.load(FEED)
    wrong = home.rows(
        f"""
        with placed as (
            select batch_id, 'raw' as place, count(*) as rows from raw."{FEED}" group by batch_id
            union all
            select batch_id, 'held', count(*) from quarantine.rows group by batch_id
        )
        pivot (
            select batch_id, rows_read, rows_loaded, rows_quarantined, rows_duplicate, rows_fixed, place, rows
            from ledger.loads left join placed using (batch_id)
            where is_current
        ) on place in ('raw', 'held') using sum(rows)
        """
    )
    for _, read, loaded, quarantined, duplicate, fixed, raw, held in wrong:
        assert read == loaded + quarantined + duplicate
        assert (raw or 0) == loaded + fixed
        assert (held or 0) == quarantined
    both = (
        f'select 1 from raw."{FEED}" as loaded inner join quarantine.rows as held using (batch_id, row_number) '
        "where held.status <> 'fixed'"
    )
    assert home.rows(both) == []
    assert home.load(FEED).batches == 0
    before = everything(home)
    home.settings.warehouse.unlink()
    rebuild(home.settings, home.sources_file(), "rebuild", lambda *_: None)
    assert everything(home) == before
