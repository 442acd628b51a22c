"""A delivery whose columns are not those of the last one: nothing is read into the wrong column, nothing is lost."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from loading_home import LoadingHome

from pipelines.loading.reload import Reload

CUSTOMERS = "branch__customers"
TRANSACTIONS = "branch__transactions"
COLUMNS = {"customer_key": "no", "customer_name": "name"}

Table = dict[str, list[Any]]


def write_csv(path: Path, table: Table) -> None:
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    path.write_text("\n".join(lines), encoding="utf-8")


def write_json_lines(path: Path, table: Table) -> None:
    records = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")


def write_parquet(path: Path, table: Table) -> None:
    pq.write_table(pa.table(table), path)


def write_excel(path: Path, table: Table) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([list(table), *zip(*table.values(), strict=True)]):
            sheet.write_row(number, 0, row)


def write_sqlite(path: Path, table: Table) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"create table people ({', '.join(f'{name} text' for name in table)})")
        places = ", ".join("?" for _ in table)
        connection.executemany(f"insert into people values ({places})", list(zip(*table.values(), strict=True)))
        connection.commit()


WRITERS: dict[str, tuple[Callable[[Path, Table], None], dict[str, str], str]] = {
    # format: (writer, its words, the columns of a delivery of `no` and `name` as they are told)
    "csv": (write_csv, {"codec": "utf-8"}, "no, name"),
    "json_lines": (write_json_lines, {"codec": "utf-8"}, "name, no"),
    "parquet": (write_parquet, {}, "no varchar, name varchar"),
    "excel": (write_excel, {}, "no, name"),
    "sqlite": (write_sqlite, {"table": "people"}, "no text, name text"),
}


@pytest.fixture(params=WRITERS)
def drift(request: pytest.FixtureRequest, home: LoadingHome) -> Callable[..., LoadingHome]:
    """Delivers one table a day in each format, from 2024-01-01, and loads them."""
    write, words, _ = WRITERS[request.param]
    home.add_source(CUSTOMERS, "{date:%Y%m%d}", COLUMNS, format=request.param, **words)

    def load(*tables: Table) -> LoadingHome:
        home.inbox.mkdir(exist_ok=True)
        for day, table in enumerate(tables, 1):
            write(home.inbox / f"202401{day:02}", table)
        home.load(CUSTOMERS)
        return home

    return load


def customers(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select customer_key, customer_name from raw.{CUSTOMERS} order by 1")


def told(home: LoadingHome) -> list[str | None]:
    return [row[0] for row in home.rows("select source_columns from ledger.loads order by load_number")]


def test_a_new_column_is_told_and_kept_in_the_archive(drift: Callable[..., LoadingHome]) -> None:
    home = drift({"no": ["K1"], "name": ["a"]}, {"no": ["K2"], "job": ["baker"], "name": ["b"]})
    assert customers(home) == [("K1", "a"), ("K2", "b")]
    before, after = told(home)
    _, _, columns = WRITERS[home.sources[0]["format"]]
    assert before == columns
    assert after and sorted({name.split()[0] for name in after.split(", ")}) == ["job", "name", "no"]
    # Mapped later, it is read from the archive, the file being gone.
    for file in home.inbox.iterdir():
        file.unlink()
    home.sources[0]["columns"] = COLUMNS | {"occupation": "job"}
    home.load(CUSTOMERS, reload=Reload())
    assert home.rows(f"select customer_key, occupation from raw.{CUSTOMERS} order by 1") == [
        ("K1", None),
        ("K2", "baker"),
    ]
    assert told(home)[2:] == [before, after]


def test_columns_in_another_order_are_read_by_their_names(drift: Callable[..., LoadingHome]) -> None:
    home = drift({"no": ["K1"], "name": ["a"]}, {"name": ["b"], "no": ["K2"]})
    assert customers(home) == [("K1", "a"), ("K2", "b")]
    before, after = told(home)
    # The order of a JSON object's keys means nothing.
    assert (before == after) == (home.sources[0]["format"] == "json_lines")


def test_a_renamed_column_refuses_the_batch_and_its_new_name_is_told(drift: Callable[..., LoadingHome]) -> None:
    home = drift({"no": ["K1"], "name": ["a"]}, {"no": ["K2"], "title": ["b"]})
    assert customers(home) == [("K1", "a")]
    ((reason,),) = home.rows("select reason from ledger.loads where verdict = 'refused'")
    assert "name" in reason and "title" in reason and "Remedy: map the new" in reason
    home.sources[0]["columns"] = COLUMNS | {"customer_name": "title"}
    home.load(CUSTOMERS)
    assert customers(home) == [("K1", "a"), ("K2", "b")]


def test_a_missing_column_refuses_the_batch(drift: Callable[..., LoadingHome]) -> None:
    home = drift({"no": ["K1"], "name": ["a"]}, {"no": ["K2"]})
    assert customers(home) == [("K1", "a")]
    ((reason,),) = home.rows("select reason from ledger.loads where verdict = 'refused'")
    assert "name" in reason and "Nothing maps" not in reason


def test_a_changed_type_is_cast_and_what_does_not_fit_is_held_back(home: LoadingHome) -> None:
    columns = {"transaction_key": "key", "transacted_at": "at", "amount": "n", "amount_role": {"constant": "sale"}}
    home.add_source(TRANSACTIONS, "{date:%Y%m%d}", columns, format="parquet")
    home.inbox.mkdir()
    keys, at = [f"{number:03}" for number in range(100)], ["2024-01-01 10:00:00"] * 100
    wrong = ["1.5"] * 99 + ["n/a"]
    for day, numbers in enumerate((pa.array([1.5] * 100), pa.array([15] * 100), pa.array(wrong)), 1):
        write_parquet(home.inbox / f"2024010{day}", {"key": keys, "at": at, "n": numbers})
    assert home.load(TRANSACTIONS).refused == []
    assert home.rows(f"select amount, count(*) from raw.{TRANSACTIONS} group by 1 order by 1") == [
        (Decimal("1.50"), 199),
        (Decimal("15.00"), 100),
    ]
    assert home.rows("select row_number, reasons from quarantine.rows") == [(100, "every value has its type (amount)")]
    assert told(home) == [f"key varchar, at varchar, n {data_type}" for data_type in ("double", "bigint", "varchar")]


def test_paths_into_json_are_columns_like_any_other(home: LoadingHome) -> None:
    columns = {"customer_key": "party.number", "customer_name": "names.0.full"}
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.jsonl", columns, format="json_lines", codec="utf-8")
    file = home.deliver(
        "20240101.jsonl",
        '{"party": {"number": 17, "job": "baker"}, "names": [{"full": "김은경"}, {"full": "x"}]}\n'
        '{"party": {"number": "K2"}, "names": []}\n',
    )
    assert home.load(CUSTOMERS).refused == []
    assert customers(home) == [("17", "김은경"), ("K2", None)]
    (archived,) = home.settings.archive.glob("**/*.parquet")
    landed = pq.read_table(archived).to_pydict()
    assert landed["party.number"] == ["17", "K2"] and landed["names.0.full"] == ["김은경", None]
    file.unlink()
    home.sources[0]["columns"] = columns | {"occupation": "party.job"}
    home.load(CUSTOMERS, reload=Reload())
    assert home.rows(f"select customer_key, occupation from raw.{CUSTOMERS} order by 1") == [
        ("17", "baker"),
        ("K2", None),
    ]
