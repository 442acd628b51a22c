"""A sheet lands in the types of its cells; a workbook that cannot be read is refused alone."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from loading_home import LoadingHome

from pipelines.loading.reload import Reload

CUSTOMERS = "branch__customers"
TRANSACTIONS = "branch__transactions"

Rows = list[list[Any]]


def workbook(path: Path, **sheets: Rows) -> Path:
    """A workbook whose sheets have these rows, the first in row 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(path) as book:
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    if cell is not None:
                        sheet.write(row, column, cell, formats.get(type(cell)))
    return path


@pytest.fixture
def office(home: LoadingHome) -> LoadingHome:
    """A home to which somebody delivers customers as a workbook."""
    columns = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일", "occupation": "직업"}
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.xlsx", columns, format="excel")
    return home


HEADER = ["번호", "이름", "생일", "직업"]


def test_a_sheet_lands_by_its_cells(office: LoadingHome) -> None:
    rows = [
        HEADER,
        [1001, "김은경", date(1990, 1, 31), 12],
        [],
        [1002, "서지원", None, "7급"],
        [1003, None, date(2001, 11, 23), 12.5],
    ]
    workbook(office.inbox / "20240101.xlsx", 고객=rows, 다른=[["x"]])
    assert office.load(CUSTOMERS).refused == []
    query = f"select row_number, customer_key, customer_name, birth_date, occupation from raw.{CUSTOMERS} order by 1"
    assert office.rows(query) == [
        (2, "1001", "김은경", date(1990, 1, 31), "12"),
        (4, "1002", "서지원", None, "7급"),
        (5, "1003", None, date(2001, 11, 23), "12.5"),
    ]
    assert office.rows("select source_columns from ledger.loads") == [("번호, 이름, 생일, 직업",)]


def test_a_sheet_by_name_below_a_title(office: LoadingHome) -> None:
    office.sources[0] |= {"sheet": "고객", "header_row": 3}
    rows = [["고객 명단"], [], [None, *HEADER], [None, "K1", "김은경", "1990-01-31", "a"]]
    workbook(office.inbox / "20240101.xlsx", 표지=[["번호"]], 고객=rows)
    assert office.load(CUSTOMERS).refused == []
    assert office.rows(f"select row_number, customer_key, birth_date from raw.{CUSTOMERS}") == [
        (4, "K1", date(1990, 1, 31))
    ]


def test_a_column_without_a_name_is_kept_in_the_archive(office: LoadingHome) -> None:
    workbook(office.inbox / "20240101.xlsx", a=[[*HEADER, None], ["K1", "김은경", None, "a", "beside"]])
    assert office.load(CUSTOMERS).refused == []
    assert office.rows("select source_columns from ledger.loads") == [("번호, 이름, 생일, 직업, column 5",)]


def test_dates_and_times_come_as_such_or_as_serials(home: LoadingHome) -> None:
    columns = {"transaction_key": "key", "amount": "amount", "amount_role": {"constant": "sale"}}
    for name, at in (("cells", "at"), ("serials", {"column": "at", "format": "excel_serial"})):
        home.add_source(TRANSACTIONS, f"{name}.xlsx", columns | {"transacted_at": at}, format="excel")
        home.sources[-1] |= {"source_system": name}
    at = datetime(2024, 1, 2, 12, 30)
    workbook(home.inbox / "cells.xlsx", a=[["key", "at", "amount"], ["A", at, 0.1 + 0.2], ["B", date(2024, 1, 3), 12]])
    workbook(home.inbox / "serials.xlsx", a=[["key", "at", "amount"], ["C", 45293 + 12.5 / 24, 1], ["D", at, 2]])
    assert home.load(TRANSACTIONS).refused == []
    assert home.rows(f"select transaction_key, transacted_at, amount from raw.{TRANSACTIONS} order by 1") == [
        ("A", datetime(2024, 1, 2, 3, 30), Decimal("0.30")),
        ("B", datetime(2024, 1, 2, 15), Decimal("12.00")),
        ("C", datetime(2024, 1, 2, 3, 30), Decimal("1.00")),
        ("D", datetime(2024, 1, 2, 3, 30), Decimal("2.00")),
    ]


def test_workbooks_of_other_types_load_beside_each_other_and_again_from_the_archive(office: LoadingHome) -> None:
    paths = [
        workbook(office.inbox / "20240101.xlsx", a=[HEADER, [1, "김은경", date(1990, 1, 31), 5]]),
        workbook(office.inbox / "20240102.xlsx", a=[HEADER, ["2", "서지원", "1991-01-31", "x"]]),
        workbook(office.inbox / "20240103.xlsx", a=[HEADER]),
    ]
    query = f"select customer_key, birth_date, occupation from raw.{CUSTOMERS} order by 1"
    expected = [("1", date(1990, 1, 31), "5"), ("2", date(1991, 1, 31), "x")]
    assert office.load(CUSTOMERS).refused == []
    assert office.rows(query) == expected
    for path in paths:
        path.unlink()
    assert office.load(CUSTOMERS, reload=Reload()).refused == []
    assert office.rows(query) == expected
    assert office.rows("select distinct source_columns from ledger.loads where is_current and rows_read > 0") == [
        ("번호, 이름, 생일, 직업",)
    ]


def far_away(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write(1_048_575, 16_383, "x")


def cut_off(path: Path) -> None:
    path.write_bytes(workbook(path, a=[HEADER]).read_bytes()[:-500])


FAULTS = {
    "no workbook": (lambda path: path.write_text("번호,이름\n"), "not readable as an Excel workbook: "),
    "cut off": (cut_off, "not readable as an Excel workbook: "),
    "empty": (lambda path: workbook(path, a=[]), "the file is empty"),
    "a missing column": (lambda path: workbook(path, a=[HEADER[:3]]), "row 1: the columns 직업 are missing"),
    "a doubled column": (
        lambda path: workbook(path, a=[[*HEADER, "이름"], ["K1", "a", None, "b", "c"]]),
        "row 1: the header names 이름 twice",
    ),
    "a stray cell in the last row and column": (far_away, "the workbook's reader ended early"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_workbook_that_cannot_be_read_is_refused_alone(office: LoadingHome, fault: str) -> None:
    make, words = FAULTS[fault]
    office.inbox.mkdir()
    make(office.inbox / "20240101.xlsx")
    workbook(office.inbox / "20240102.xlsx", a=[HEADER, ["K2", "서지원", None, "a"]])
    (reason,) = office.load(CUSTOMERS).refused
    assert reason.startswith(f"20240101.xlsx: {words}") and "Remedy: " in reason
    assert office.rows(f"select customer_key from raw.{CUSTOMERS}") == [("K2",)]


def test_a_sheet_that_is_not_there_is_named(office: LoadingHome) -> None:
    office.sources[0]["sheet"] = "고객"
    workbook(office.inbox / "20240101.xlsx", a=[HEADER])
    (reason,) = office.load(CUSTOMERS).refused
    assert reason.startswith("20240101.xlsx: the workbook has no sheet 고객. Remedy: ")
