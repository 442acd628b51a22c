"""A database's table or query lands whole, whatever the types of its values, and the database is never changed."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from loading_home import LoadingHome

from pipelines.settings import PROJECT_ROOT
from pipelines.sources import sqlite_landing

CUSTOMERS = "branch__customers"
TRANSACTIONS = "branch__transactions"
NORTHWIND = PROJECT_ROOT.parent / "shared" / "data" / "northwind" / "northwind.sqlite"


def database(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


@pytest.fixture
def shop(home: LoadingHome) -> LoadingHome:
    """A home to which a shop delivers customers as the table `people` of a database."""
    columns = {"customer_key": "no", "customer_name": "name", "birth_date": "born"}
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.sqlite", columns, format="sqlite", table="people")
    return home


PEOPLE = "create table people (no, name text, born date)"


def customers(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select row_number, customer_key, customer_name, birth_date from raw.{CUSTOMERS} order by 1")


def test_values_of_several_types_in_one_column_all_arrive(shop: LoadingHome) -> None:
    path = database(
        shop.inbox / "20240101.sqlite",
        PEOPLE,
        "insert into people values (null, 'nobody', null), (1, '김은경', '1990-01-31'), ('K2', '서지원', null)",
        "insert into people values (2.5, null, null), (x'4b33', 'K', null), (9007199254740993, 'big', null)",
    )
    before = path.read_bytes()
    shop.load(CUSTOMERS)
    assert customers(shop) == [
        (2, "1", "김은경", date(1990, 1, 31)),
        (3, "K2", "서지원", None),
        (4, "2.5", None, None),
        (5, "4B33", "K", None),
        (6, "9007199254740993", "big", None),
    ]
    assert shop.rows("select row_number, reasons from quarantine.rows") == [(1, "customer_key is present")]
    assert shop.rows("select source_columns from ledger.loads") == [("no, name text, born date",)]
    assert path.read_bytes() == before
    assert [file.name for file in shop.inbox.iterdir()] == ["20240101.sqlite"]


def test_a_type_that_shows_late_changes_no_row(shop: LoadingHome) -> None:
    count = sqlite_landing._BATCH_ROWS + 100
    database(
        shop.inbox / "20240101.sqlite",
        PEOPLE,
        f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) "
        f"insert into people select i, iif(i = {count}, 'last', null), null from n",
        # Read by this index, the rows would come in another order.
        "create index covering on people (no desc, name, born)",
        "delete from people where no between 100 and 109",
    )
    assert shop.load(CUSTOMERS).counts["loaded"] == count - 10
    assert shop.rows(f"select max(row_number), count(distinct row_number) from raw.{CUSTOMERS}") == [(count - 10,) * 2]
    assert shop.rows(f"select customer_key from raw.{CUSTOMERS} where customer_name = 'last'") == [(str(count),)]
    assert shop.rows(f"select row_number from raw.{CUSTOMERS} where customer_key in ('99', '110') order by 1") == [
        (99,),
        (100,),
    ]


def test_a_query_keeps_its_order_and_its_numbers_their_decimals(home: LoadingHome) -> None:
    columns = {"transaction_key": "id", "amount": "price", "transacted_at": "at", "amount_role": {"constant": "sale"}}
    query = "select id, price, at from sales where price > 1 order by id desc -- the newest first"
    home.add_source(TRANSACTIONS, "sales.db", columns, format="sqlite", query=query)
    database(
        home.inbox / "sales.db",
        "create table sales (id integer primary key, price decimal(10, 2), at text)",
        "insert into sales values (1, 1, '2024-01-01'), (2, 12, '2024-01-02 10:00:00'), (3, 12.3, '2024-01-03')",
    )
    assert home.load(TRANSACTIONS).refused == []
    assert home.rows(f"select row_number, transaction_key, amount from raw.{TRANSACTIONS} order by 1") == [
        (1, "3", Decimal("12.30")),
        (2, "2", Decimal("12.00")),
    ]
    assert home.rows("select source_columns from ledger.loads") == [("id, price, at",)]


def test_text_that_is_not_utf_8_holds_back_its_row_alone(shop: LoadingHome) -> None:
    people = ", ".join(f"({number}, '김은경', null)" for number in range(50))
    database(
        shop.inbox / "20240101.sqlite",
        PEOPLE,
        f"insert into people values {people}, (50, cast(x'b1e8' as text), null)",
    )
    assert shop.load(CUSTOMERS).counts["loaded"] == 50
    ((row_number, reasons),) = shop.rows("select row_number, reasons from quarantine.rows")
    assert row_number == 51 and "decod" in reasons


@contextmanager
def writing(path: Path, statements: str) -> Iterator[None]:
    """Another process that has executed `statements` on the database and holds its transaction open."""
    code = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[2].split(';'): connection.execute(statement)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path), statements], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        yield
        process.communicate()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_what_another_process_is_writing_is_not_seen(shop: LoadingHome, journal: str) -> None:
    path = database(shop.inbox / "20240101.sqlite", PEOPLE, "insert into people values ('K1', 'a', null)")
    database(path, f"pragma journal_mode = {journal}")
    with writing(path, "begin immediate; insert into people values ('K2', 'b', null)"):
        assert shop.load(CUSTOMERS).refused == []
    assert [row[1] for row in customers(shop)] == ["K1"]


def lock(path: Path) -> object:
    return writing(database(path, PEOPLE), "begin exclusive; insert into people values ('K1', 'a', null)")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no database": (lambda path: path.write_bytes(b"no,name\n" * 1000), "not readable as an SQLite database: file is"),
    "an empty file": (lambda path: path.write_bytes(b""), "not readable as an SQLite database: no such table: people"),
    "another table": (lambda path: database(path, "create table clients (no)"), "no such table: people"),
    "a missing column": (
        lambda path: database(path, "create table people (no, name, birthday)"),
        "the columns born are missing; the header is no, name, birthday. Nothing maps birthday: a column may have",
    ),
    "damaged": (
        lambda path: path.write_bytes(
            database(path, PEOPLE, "insert into people values ('K1', 'a', null)").read_bytes()[:4096] + b"\xff" * 4096
        ),
        "not readable as an SQLite database: database disk image is malformed",
    ),
    "locked": (lock, "another program keeps the database locked. Remedy: run again"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_database_that_cannot_be_read_is_refused_alone(
    shop: LoadingHome, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(sqlite_landing, "_WAIT_MILLISECONDS", 100)
    make, words = FAULTS[fault]
    shop.inbox.mkdir()
    database(shop.inbox / "20240102.sqlite", PEOPLE, "insert into people values ('K2', 'b', null)")
    made = make(shop.inbox / "20240101.sqlite")
    if fault == "locked":
        with made:
            (reason,) = shop.load(CUSTOMERS).refused
    else:
        (reason,) = shop.load(CUSTOMERS).refused
    assert reason.startswith("20240101.sqlite: ") and words in reason and "Remedy: " in reason
    assert [row[1] for row in customers(shop)] == ["K2"]


def test_a_query_can_change_nothing(shop: LoadingHome) -> None:
    del shop.sources[0]["table"]
    shop.sources[0]["query"] = "delete from people returning no, name, born"
    path = database(shop.inbox / "20240101.sqlite", PEOPLE, "insert into people values ('K1', 'a', null)")
    (reason,) = shop.load(CUSTOMERS).refused
    assert "syntax error" in reason
    assert sqlite3.connect(path).execute("select count(*) from people").fetchone() == (1,)


@pytest.mark.skipif(not NORTHWIND.exists(), reason=f"the shared data is not there: {NORTHWIND}")
def test_northwind_s_customers_and_order_lines_are_read_whole(home: LoadingHome) -> None:
    people = {"customer_key": "CustomerID", "customer_name": "CompanyName", "phone": "Phone"}
    sales = {
        "transaction_key": {"columns": ["OrderID", "ProductID"], "separator": "-"},
        "transacted_at": "OrderDate",
        "amount": "UnitPrice",
        "amount_role": {"constant": "sale"},
    }
    home.add_source(CUSTOMERS, "", people, format="sqlite", table="Customers")
    query = 'select * from "Order Details" join Orders using (OrderID)'
    home.add_source(TRANSACTIONS, "", sales, format="sqlite", query=query)
    for source in home.sources:
        source["path"] = str(NORTHWIND)
    for feed, count in ((CUSTOMERS, 93), (TRANSACTIONS, 2155)):
        result = home.load(feed)
        assert (result.refused, result.counts["read"], result.counts["loaded"]) == ([], count, count)
    with closing(sqlite3.connect(f"file:{NORTHWIND}?mode=ro", uri=True)) as northwind:
        (total,) = northwind.execute('select sum(UnitPrice) from "Order Details"').fetchone()
    assert home.rows(f"select sum(amount) from raw.{TRANSACTIONS}") == [(Decimal(f"{total:.2f}"),)]
