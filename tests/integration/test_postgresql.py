"""A PostgreSQL table as a source: a real server, the real gate, one delivery a business day, no row lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from loading_home import LoadingHome

from pipelines.commands.doctor import examine
from pipelines.connections import connected
from pipelines.errors import SourcesFileError
from pipelines.ledger.loads import current_loads
from pipelines.loading import feed as load
from pipelines.loading.completeness import assess
from pipelines.loading.look import look
from pipelines.loading.reload import Reload
from pipelines.sources.deliveries import Arrivals

from .postgresql_server import PASSWORD, Server, server  # noqa: F401 (pytest finds the fixture here)

CUSTOMERS, TRANSACTIONS = "branch__customers", "branch__transactions"
CONNECTION = "CRMDW_TEST_DATABASE_URL"
DAY = timedelta(days=1)
COUNTS = "rows_read, rows_loaded, rows_quarantined, rows_duplicate, rows_unchanged, rows_blocked"
LATEST = """
select customer_key, customer_name
from raw.branch__customers
qualify row_number() over (
    partition by source_system, customer_key order by delivery_date desc, batch_id desc, row_number desc
) = 1
order by all
"""

MakeHome = Callable[..., LoadingHome]


@pytest.fixture
def table(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:  # noqa: F811
    """The server with an empty table of customers, found through the environment."""
    monkeypatch.setenv(CONNECTION, server.uri)
    server.execute(
        "drop schema if exists sales cascade",
        "create schema sales",
        "create table sales.customers (no text primary key, name text, updated_at timestamptz)",
        "create index on sales.customers (updated_at)",
    )
    yield server
    server.execute("drop schema sales cascade")


@pytest.fixture
def home_of(new_home: Callable[[], LoadingHome]) -> MakeHome:
    """Makes homes whose one source is the table of customers, or what is given instead."""

    def make(**words: Any) -> LoadingHome:
        home = new_home()
        source: dict[str, Any] = {
            "feed": CUSTOMERS,
            "source_system": "branch",
            "format": "postgresql",
            "connection": CONNECTION,
            "table": "sales.customers",
            "watermark": "updated_at",
            "start": "2024-01-01",
            "columns": {"customer_key": "no", "customer_name": "name"},
        }
        home.sources.append({word: value for word, value in (source | words).items() if value is not None})
        return home

    return make


def put(server: Server, no: str, name: str, at: str) -> None:  # noqa: F811
    server.execute(
        f"insert into sales.customers values ('{no}', '{name}', '{at}') "
        "on conflict (no) do update set name = excluded.name, updated_at = excluded.updated_at"
    )


def run(home: LoadingHome, today: str, feed: str = CUSTOMERS, **options: Any) -> int:
    """Load as on `today`; the number of batches."""
    result = home.load(feed, today=date.fromisoformat(today), **options)
    assert not result.refused
    return result.batches


def days(home: LoadingHome) -> dict[str, list[str]]:
    """Delivery date -> the keys loaded in it."""
    query = (
        "select delivery_date::varchar, list(customer_key order by row_number) from raw.branch__customers group by 1"
    )
    return dict(home.rows(query))


def conserved(home: LoadingHome) -> bool:
    read, *parts = zip(*home.rows(f"select {COUNTS} from ledger.loads"), strict=True)
    return all(total == sum(part) for total, part in zip(read, zip(*parts, strict=True), strict=True))


def test_a_row_at_midnight_belongs_to_the_day_that_begins(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "first instant", "2024-01-01 00:00:00+09")
    put(table, "B", "last instant", "2024-01-01 23:59:59.999999+09")
    put(table, "C", "next midnight", "2024-01-02 00:00:00+09")
    put(table, "D", "before the start", "2023-12-31 23:59:59.999999+09")
    put(table, "E", "today, which is not over", "2024-01-03 00:00:00+09")
    home = home_of()
    assert run(home, "2024-01-03") == 2
    assert days(home) == {"2024-01-01": ["A", "B"], "2024-01-02": ["C"]}


@pytest.mark.parametrize("data_type", ["timestamp", "date"])
def test_a_watermark_without_a_zone_is_local_to_the_company(table: Server, home_of: MakeHome, data_type: str) -> None:
    table.execute(f"alter table sales.customers alter updated_at type {data_type}")
    put(table, "A", "first", "2024-01-01 00:00:00")
    put(table, "B", "second", "2024-01-02 00:00:00")
    home = home_of()
    run(home, "2024-01-03")
    assert days(home) == {"2024-01-01": ["A"], "2024-01-02": ["B"]}


def test_nothing_is_asked_twice_and_an_empty_day_is_delivered(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "x", "2024-01-01 10:00+09")
    home = home_of()
    assert run(home, "2024-01-04") == 3
    assert run(home, "2024-01-04") == 0
    table.stop()
    try:
        assert run(home, "2024-01-04") == 0, "a server that has nothing to add is not asked"
    finally:
        table.start()


def test_a_late_commit_loads_its_own_day_again(table: Server, home_of: MakeHome) -> None:
    home = home_of()
    with table.connected(autocommit=False) as slow, slow.cursor() as cursor:
        put(table, "A", "in time", "2024-01-02 09:00+09")
        put(table, "B", "in time", "2024-01-03 09:00+09")
        cursor.execute("insert into sales.customers values ('L', 'late', '2024-01-02 23:59+09')")
        assert run(home, "2024-01-04") == 3
        assert days(home)["2024-01-02"] == ["A"]
        slow.commit()
    assert run(home, "2024-01-05") == 2, "the new day and the one with the late row"
    assert days(home) == {"2024-01-02": ["A", "L"], "2024-01-03": ["B"]}
    assert home.rows("select count(*) from ledger.loads where delivery_date = '2024-01-02'") == [(2,)]
    assert home.rows("select count(*) from ledger.loads where delivery_date = '2024-01-03'") == [(1,)]


def test_beyond_the_look_back_a_day_is_read_again_by_a_backfill_alone(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "x", "2024-01-01 10:00+09")
    home = home_of(look_back_days=2)
    run(home, "2024-01-06")
    put(table, "L", "late", "2024-01-01 11:00+09")
    put(table, "M", "late", "2024-01-04 11:00+09")
    assert run(home, "2024-01-07") == 2
    assert days(home) == {"2024-01-01": ["A"], "2024-01-04": ["M"]}
    asked = Reload(date(2024, 1, 1), date(2024, 1, 1))
    assert run(home, "2024-01-07", reload=asked) == 1
    assert days(home) == {"2024-01-01": ["A", "L"], "2024-01-04": ["M"]}
    assert conserved(home)


def test_a_row_that_moves_on_stays_on_its_day_until_and_after_it_comes_again(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "old", "2024-01-01 10:00+09")
    home = home_of()
    run(home, "2024-01-02")
    put(table, "A", "new", "2024-01-03 00:30+09")
    assert run(home, "2024-01-03") == 2
    assert home.rows(LATEST) == [("A", "old")], "its day is not over, and it is not lost meanwhile"
    run(home, "2024-01-04")
    assert home.rows(LATEST) == [("A", "new")]
    assert conserved(home)


def test_a_row_that_moves_back_is_not_hidden_by_its_older_form(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "of the transaction that began later", "2024-01-02 00:05+09")
    home = home_of()
    run(home, "2024-01-03")
    put(table, "A", "of the one that committed later", "2024-01-01 23:59+09")
    run(home, "2024-01-04")
    assert home.rows(LATEST) == [("A", "of the one that committed later")]


def test_daily_runs_equal_one_run_at_the_end(table: Server, home_of: MakeHome) -> None:
    chance = random.Random(1)
    daily, later = home_of(), home_of()
    first = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(hours=9)
    for day in range(6):
        midnight = first + day * DAY
        waiting: list[tuple[str, str, datetime]] = []
        for change in range(chance.randint(0, 8)):
            at = midnight + timedelta(seconds=chance.choice([0, 1, 40000, 86399]))
            row = (f"K{chance.randint(1, 9)}", f"{day}-{change}", at)
            if chance.random() < 0.3:
                waiting.append(row)
            else:
                put(table, row[0], row[1], str(at))
        # What is changed between midnight and the run, in rows whose days are loaded in it.
        early = midnight + DAY + timedelta(hours=1)
        if chance.random() < 0.5:
            put(table, f"K{chance.randint(1, 9)}", f"{day}-early", str(early))
        known = {key for rows in (days(daily).values() if day else []) for key in rows}
        run(daily, str(date(2024, 1, 2) + day * DAY))
        assert known <= {key for rows in days(daily).values() for key in rows}, "a row has been lost"
        for no, name, at in waiting:
            put(table, no, name, str(at))
    for home in (daily, later):
        run(home, "2024-01-10")
        assert conserved(home)
    with table.connected() as connection, connection.cursor() as cursor:
        cursor.execute("select no, name from sales.customers order by no")
        truth = cursor.fetchall()
    assert daily.rows(LATEST) == later.rows(LATEST) == truth
    assert later.rows("select count(*) from raw.branch__customers") == [(len(truth),)], "a row has been doubled"


def test_equal_days_are_equal_batches_in_every_home(table: Server, home_of: MakeHome) -> None:
    put(table, "B", "second", "2024-01-01 10:00+09")
    put(table, "A", "first", "2024-01-01 11:00+09")
    one, other = home_of(), home_of()
    run(one, "2024-01-03")
    table.execute("create table sales.copy as select * from sales.customers order by no", "vacuum full sales.customers")
    table.execute("truncate sales.customers", "insert into sales.customers select * from sales.copy")
    run(other, "2024-01-02")
    run(other, "2024-01-03")
    raw = "select * from raw.branch__customers order by all"
    assert one.rows(raw) == other.rows(raw) != []
    batches = "select batch_id, delivery_date from ledger.loads order by all"
    assert one.rows(batches) == other.rows(batches)


def test_rows_that_change_between_look_and_reading_are_the_batch(
    table: Server, home_of: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(table, "A", "x", "2024-01-01 10:00+09")
    home = home_of()
    looked = load.find_arrivals

    def and_then_changed(*arguments: Any, **options: Any) -> Arrivals:
        arrivals = looked(*arguments, **options)
        put(table, "B", "y", "2024-01-01 11:00+09")
        return arrivals

    monkeypatch.setattr(load, "find_arrivals", and_then_changed)
    run(home, "2024-01-02")
    monkeypatch.undo()
    monkeypatch.setenv(CONNECTION, table.uri)
    assert days(home) == {"2024-01-01": ["A", "B"]}
    assert run(home, "2024-01-03") == 1, "what was loaded is what is known of the day"


def test_values_arrive_exactly(table: Server, home_of: MakeHome) -> None:
    table.execute(
        "create type sales.role as enum ('sale', 'refund')",
        """
        create table sales.lines (
            id bigint, customer uuid, store text, at timestamptz, role sales.role, amount numeric, cost float8,
            tags text[], detail jsonb, is_web boolean, paid money, "Grand total" numeric(12, 2), until date
        )
        """,
        """
        insert into sales.lines values
        (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '서울 강남점', '2024-01-01 12:00:00.123456-05', 'sale',
            1234567890123456.78, 0.1, '{x,"y z"}', '{"k": 1}', true, 12.5, 7.10, 'infinity'),
        (2, null, null, '2024-01-01 12:00:00+09', 'refund', 1e-5, 1e300, null, null, false, null, null, null),
        (3, null, null, '2024-01-01 12:00:00+09', 'sale', 'NaN', 'NaN', null, null, null, null, null, null),
        (4, null, null, '2024-01-01 12:00:00+09', 'sale', 2.50, 2.5, null, null, null, null, null, null)
        """,
    )
    columns = {
        "transaction_key": "id",
        "customer_key": "customer",
        "branch_key": "store",
        "transacted_at": "at",
        "amount_role": "role",
        "amount": "amount",
    }
    home = home_of(feed=TRANSACTIONS, table="sales.lines", watermark="at", columns=columns)
    home.load(TRANSACTIONS, today=date(2024, 1, 4))
    loaded = home.rows(
        "select transaction_key, customer_key, branch_key, transacted_at, amount_role, amount "
        "from raw.branch__transactions"
    )
    assert [[str(value) for value in row] for row in loaded] == [
        [
            "1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "서울 강남점",
            "2024-01-01 17:00:00.123456",
            "sale",
            "1234567890123456.78",
        ]
    ]
    held = dict(home.rows("select row_number, reasons from quarantine.rows order by row_number"))
    assert "amount" in held[1] and "amount" in held[2], "0.00001 and NaN are no wrong amounts"
    with connected(home.settings, None) as archive:
        path = str(home.settings.archive / TRANSACTIONS / "*" / "*.parquet")
        query = """
            select role, amount, cost, tags, detail, is_web, paid, "Grand total", until
            from read_parquet(?) order by id
        """
        archived = archive.execute(query, [path]).fetchall()
    assert archived[0] == ("sale", "1234567890123456.78", 0.1, '{x,"y z"}', '{"k": 1}', True, "12.50", "7.10", None)
    assert archived[1][:3] == ("refund", "0.00001", 1e300)
    assert archived[3][1] == "2.50"


def test_a_whole_table_is_delivered_once_a_day_for_yesterday(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "x", "2020-01-01 10:00+09")
    home = home_of(watermark=None, look_back_days=None)
    assert run(home, "2024-01-05") == 1
    put(table, "B", "y", "2020-01-01 10:00+09")
    assert run(home, "2024-01-05") == 0
    assert run(home, "2024-01-06") == 1
    assert days(home) == {"2024-01-04": ["A"], "2024-01-05": ["A", "B"]}
    table.execute("truncate sales.customers")
    asked = Reload(date(2024, 1, 4), date(2024, 1, 5))
    assert run(home, "2024-01-06", reload=asked) == 2
    assert days(home) == {"2024-01-04": ["A"], "2024-01-05": ["A", "B"]}, "the past is replayed from the archive"


def test_a_query_is_a_source_too(table: Server, home_of: MakeHome) -> None:
    put(table, "A", "x", "2024-01-01 10:00+09")
    put(table, "T", "test", "2024-01-01 10:00+09")
    query = "select no, upper(name) as name, updated_at from sales.customers where name <> 'test'; -- no tests"
    home = home_of(table=None, query=query)
    # A semicolon in the middle is no way to say two things, and the comment's line ends before the bracket closes.
    result = home.load(CUSTOMERS, today=date(2024, 1, 2))
    assert result.refused and "syntax error" in result.refused[0]
    home.sources[0]["query"] = query.replace(";", "")
    assert run(home, "2024-01-02") == 1
    assert home.rows(LATEST) == [("A", "X")]


def test_names_are_names_and_nothing_else(table: Server, home_of: MakeHome) -> None:
    home = home_of(table='sales.customers" where true; drop table sales.customers; --')
    assert home.load(CUSTOMERS, today=date(2024, 1, 2)).refused
    home = home_of(watermark='updated_at" is null or true; drop table sales.customers; --')
    assert home.load(CUSTOMERS, today=date(2024, 1, 2)).refused
    home = home_of(table=None, query="with gone as (delete from sales.customers returning *) select * from gone")
    put(table, "A", "x", "2024-01-01 10:00+09")
    assert home.load(CUSTOMERS, today=date(2024, 1, 2)).refused
    assert run(home_of(), "2024-01-02") == 1


@pytest.mark.parametrize(
    ("words", "uri", "said"),
    [
        ({}, lambda s: s.uri.replace(f":{s.port}", ":1"), "Connection refused"),
        ({}, lambda s: s.uri.replace("geheim", "geheim2"), "password authentication failed"),
        ({}, lambda s: s.uri.replace("%25", "@"), "holds no URI"),
        ({}, lambda s: "", "is not set"),
        ({}, lambda s: f"host=127.0.0.1 password={PASSWORD}", "holds no URI"),
        ({}, lambda s: s.uri.replace("127.0.0.1", "no-such-host.invalid"), "host name is not known"),
        ({}, lambda s: s.uri + "2", 'database "postgres2" does not exist'),
        ({"table": "sales.nothing"}, lambda s: s.uri, 'relation "sales.nothing" does not exist'),
        ({"columns": {"customer_key": "number"}}, lambda s: s.uri, "there is no column number; there are no, name"),
        ({"watermark": "changed_at"}, lambda s: s.uri, "there is no column changed_at"),
        ({"watermark": "name"}, lambda s: s.uri, "the watermark name is of type text"),
        (
            {"table": None, "query": "select no, name, updated_at, name::int as wrong from sales.customers"},
            lambda s: s.uri,
            "the server refused a value (SQLSTATE 22P02)",
        ),
    ],
)
def test_what_cannot_be_read_is_said_and_the_others_are_loaded(
    table: Server,
    home_of: MakeHome,
    monkeypatch: pytest.MonkeyPatch,
    words: dict[str, Any],
    uri: Callable[[Server], str],
    said: str,
) -> None:
    put(table, "A", "홍길동", "2024-01-01 10:00+09")
    home = home_of(**words)
    home.add_source(CUSTOMERS, "crm_{date:%Y%m%d}.csv", {"customer_key": "no"}, codec="utf-8", source_system="crm")
    home.deliver("crm_20240101.csv", "no\nF1\n")
    monkeypatch.setenv(CONNECTION, uri(table))
    result = home.load(CUSTOMERS, today=date(2024, 1, 2))
    assert home.rows("select source_system, customer_key from raw.branch__customers") == [("crm", "F1")]
    (text,) = result.refused
    assert said in text and "Remedy: " in text
    now = datetime(2024, 1, 2, 12, tzinfo=UTC)
    state = look(home.settings, now)
    assert state.arrivals.left_out == [text]
    assert not state.completeness.is_complete
    assert "sales" in state.completeness.required[0] or "the query" in state.completeness.required[0]
    findings = [f"{one.text} {one.remedy}" for one in examine(home.settings) if not one.is_good]
    # What a doctor is told without reading rows is all but a value that cannot be read.
    assert any(said in finding for finding in findings) or "22P02" in said
    for shown in [text, *findings, *state.completeness.required]:
        assert "geheim" not in shown and "홍길동" not in shown


def test_a_server_that_goes_away_after_the_look_leaves_the_day_for_the_next_run(
    table: Server, home_of: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(table, "A", "x", "2024-01-01 10:00+09")
    home = home_of()
    looked = load.find_arrivals

    def and_then_stopped(*arguments: Any, **options: Any) -> Arrivals:
        arrivals = looked(*arguments, **options)
        table.stop()
        return arrivals

    monkeypatch.setattr(load, "find_arrivals", and_then_stopped)
    try:
        result = home.load(CUSTOMERS, today=date(2024, 1, 2))
    finally:
        table.start()
    assert "Connection refused" in result.refused[0]
    monkeypatch.setattr(load, "find_arrivals", looked)
    assert run(home, "2024-01-02") == 1


_LAND_AND_TELL_PEAK = """
import sys
from datetime import date, timedelta
from pathlib import Path
from pipelines.connections import connected
from pipelines.settings import Settings
from pipelines.sources.deliveries import find_arrivals
from pipelines.ledger.loads import Known
from pipelines.sources.landing import land
from pipelines.sources.sources_file import load_sources_file

home = Path(sys.argv[1])
settings = Settings(home, home / "sources.yml", "200MB", 2, 3)
sources_file = load_sources_file(settings.sources_file)

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024

arrivals = find_arrivals(Known(), sources_file, today=date(2024, 1, 11))
before = peak()
with connected(settings, home / "gate.duckdb") as gate:
    land(gate, sources_file.sources[0], arrivals.to_load, "Asia/Seoul")
    used = peak() - before
    rows = gate.sql("select count(*), count(distinct batch_id) from landing").fetchone()
# A progress bar may stand before.
print("\\n", *rows, used)
"""


@pytest.mark.long
def test_a_million_rows_are_streamed_and_never_held(table: Server, home_of: MakeHome) -> None:
    table.execute(
        """
        insert into sales.customers
        select
            'K' || number,
            repeat(md5(number::text), 16),
            timestamptz '2024-01-01 00:00+09' + number * interval '0.8 s'
        from generate_series(1, 1000000) as number
        """
    )
    home = home_of()
    home.sources_file()
    program = [sys.executable, "-c", _LAND_AND_TELL_PEAK, str(home.settings.home)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    rows, batches, megabytes = map(int, done.stdout.splitlines()[-1].split())
    assert (rows, batches) == (1_000_000, 10)
    # The rows are more than half a gigabyte; DuckDB may hold 200 MB of them, and what is on its way is some batches.
    assert megabytes < 800, "the rows were held in memory"


def test_a_row_without_watermark_is_told_by_the_doctor(table: Server, home_of: MakeHome) -> None:
    table.execute("insert into sales.customers values ('A', 'x', null)")
    home = home_of()
    home.sources_file()
    findings = [one.text for one in examine(home.settings) if not one.is_good]
    assert any("rows without updated_at are never read" in finding for finding in findings)


def test_a_loaded_database_is_complete_to_yesterday(table: Server, home_of: MakeHome) -> None:
    home = home_of()
    run(home, "2024-01-05")
    with connected(home.settings, home.settings.warehouse, read_only=True) as warehouse:
        loads = current_loads(warehouse)
    found = assess(home.sources_file(), loads, datetime(2024, 1, 5, 3, tzinfo=UTC))
    assert found.is_complete and found.complete_date == date(2024, 1, 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"connection": "postgresql://crm:geheim@host/crm"}, "the name of an environment variable"),
        ({"connection": None}, "the name of the environment variable"),
        ({"table": None}, "either table"),
        ({"query": "select 1"}, "either table"),
        ({"start": None}, "a watermark needs start"),
        ({"path": "inbox/{date}.csv"}, "its deliveries are its days"),
    ],
)
def test_a_wrong_entry_is_refused_before_anything_is_read(home_of: MakeHome, words: dict[str, Any], said: str) -> None:
    with pytest.raises(SourcesFileError, match=said) as caught:
        home_of(**words).sources_file()
    assert "geheim" not in str(caught.value)
