"""Deliveries that cannot be landed are refused by name, and those beside them load as if they were alone."""

from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading_home import LoadingHome

from pipelines.loading.reload import Reload
from pipelines.sources import text_lines
from pipelines.sources.compression import UnreadableFileError

CUSTOMERS = "branch__customers"
TRANSACTIONS = "branch__transactions"


def keys(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select customer_key, customer_name from raw.{CUSTOMERS} order by all")


class TestJsonLines:
    """A mapped path that no record has is a column that is missing."""

    @pytest.fixture
    def tool(self, home: LoadingHome) -> LoadingHome:
        columns = {"customer_key": "party.number", "customer_name": "party.name"}
        home.add_source(CUSTOMERS, "{date:%Y%m%d}.jsonl", columns, format="json_lines", codec="utf-8")
        return home

    def test_a_delivery_of_which_no_record_has_a_mapped_path_is_refused(self, tool: LoadingHome) -> None:
        tool.deliver("20240101.jsonl", '{"party": {"number": "K1", "title": "김은경"}}\n{"party": {"number": "K2"}}\n')
        tool.deliver("20240102.jsonl", '{"party": {"number": "K3", "name": "서지원"}}\n')
        (reason,) = tool.load(CUSTOMERS).refused
        assert "20240101.jsonl: of 2 mapped paths, party.name are in no record. Remedy: map the new paths" in reason
        assert "김은경" not in reason and "K1" not in reason
        assert keys(tool) == [("K3", "서지원")]
        assert tool.rows("select verdict, rows_read, rows_quarantined from ledger.loads order by delivery_date") == [
            ("refused", 2, 2),
            ("loaded", 1, 0),
        ]
        assert tool.rows("select distinct reasons from quarantine.rows") == [
            ("unparsable line: the delivery's columns are not the contract's",)
        ]
        tool.sources[0]["columns"]["customer_name"] = "party.title"
        tool.load(CUSTOMERS)
        assert ("K1", "김은경") in keys(tool)

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("", []),
            ("\n", []),
            ('{"party": {"number": "K1", "name": null}}\n', [("K1", None)]),
            ('{"party": {"number": "K1"}}\n{"party": {"number": "K2", "name": "a"}}\n', [("K1", None), ("K2", "a")]),
        ],
        ids=["no rows", "a blank line", "null", "not in every record"],
    )
    def test_a_path_is_there_when_one_record_has_it_or_none_is_delivered(
        self, tool: LoadingHome, content: str, expected: list[tuple]
    ) -> None:
        tool.deliver("20240101.jsonl", content)
        assert tool.load(CUSTOMERS).refused == []
        assert keys(tool) == expected

    def test_what_lies_below_an_explicit_null_is_not_missing(self, home: LoadingHome) -> None:
        columns = {"customer_key": "number", "customer_name": "party.name"}
        home.add_source(CUSTOMERS, "c.jsonl", columns, format="json_lines")
        home.deliver("c.jsonl", '{"number": "K1", "party": null}\n')
        assert home.load(CUSTOMERS).refused == []
        assert keys(home) == [("K1", None)]

    def test_lines_that_are_no_records_say_nothing_of_paths(self, tool: LoadingHome) -> None:
        tool.deliver("20240101.jsonl", "not JSON\n")
        (reason,) = tool.load(CUSTOMERS).refused
        assert reason.startswith("20240101.jsonl: none of its 1 lines is a JSON object, and none is JSON. Remedy: ")
        assert tool.rows("select reasons from quarantine.rows") == [("unparsable line: not JSON",)]


class TestParquet:
    """Files of one feed may differ in their types; each is mapped by its own."""

    def deliver(self, home: LoadingHome, day: int, table: dict[str, Any]) -> Path:
        home.inbox.mkdir(exist_ok=True)
        path = home.inbox / f"2024010{day}.parquet"
        pq.write_table(pa.table(table), path)
        return path

    @pytest.fixture
    def books(self, home: LoadingHome) -> LoadingHome:
        columns = {
            "transaction_key": "key",
            "transacted_at": "at",
            "amount": "amount",
            "amount_role": {"constant": "sale"},
        }
        home.add_source(TRANSACTIONS, "{date:%Y%m%d}.parquet", columns, format="parquet")
        return home

    def test_a_file_whose_types_differ_loads_beside_the_others_and_again_from_the_archive(
        self, books: LoadingHome
    ) -> None:
        paths = [
            self.deliver(books, 1, {"key": ["A"], "at": [datetime(2024, 1, 1, 12)], "amount": [5.551115e-17]}),
            self.deliver(books, 2, {"key": ["B"], "at": ["2024-01-02 12:00:00"], "amount": ["12.30"]}),
            self.deliver(
                books, 3, {"key": [3, None], "at": [date(2024, 1, 3)] * 2, "amount": [Decimal("7.000"), Decimal(8)]}
            ),
            self.deliver(books, 4, {"key": ["D"], "at": ["2024-01-04 12:00:00"], "amount": ["1e3"]}),
        ]
        expected = [
            ("3", datetime(2024, 1, 2, 15), Decimal("7.00")),
            ("A", datetime(2024, 1, 1, 3), Decimal("0.00")),
            ("B", datetime(2024, 1, 2, 3), Decimal("12.30")),
        ]
        query = f"select transaction_key, transacted_at, amount from raw.{TRANSACTIONS} order by 1"
        held = "select reasons, record from quarantine.rows order by row_number"
        assert books.load(TRANSACTIONS).batches == 4
        assert books.rows(query) == expected
        found = books.rows(held)
        assert [reasons for reasons, _ in found] == ["every value has its type (amount)", "transaction_key is present"]
        assert '"amount":"1e3"' in found[0][1] and '"amount":8.0' in found[1][1]
        for path in paths:
            path.unlink()
        assert books.load(TRANSACTIONS, reload=Reload()).batches == 4
        assert books.rows(query) == expected
        assert books.rows(held) == found

    def test_a_file_damaged_below_its_head_is_refused_alone(self, home: LoadingHome) -> None:
        home.add_source(CUSTOMERS, "{date:%Y%m%d}.parquet", {"customer_key": "k"}, format="parquet")
        damaged = self.deliver(home, 1, {"k": [f"K{number}" for number in range(50_000)]})
        self.deliver(home, 2, {"k": ["right"]})
        content = bytearray(damaged.read_bytes())
        content[4 : len(content) // 2] = bytes(255 - byte for byte in content[4 : len(content) // 2])
        damaged.write_bytes(content)
        (reason,) = home.load(CUSTOMERS).refused
        assert reason.startswith("20240101.parquet: not readable as Parquet: ") and "Remedy: deliver it again" in reason
        assert keys(home) == [("right", None)]
        assert home.rows("select verdict, rows_read from ledger.loads order by delivery_date") == [
            ("refused", 0),
            ("loaded", 1),
        ]


@pytest.mark.parametrize(("format", "right"), [("csv", "k\nK2\n"), ("json_lines", '{"k": "K2"}\n')])
def test_a_text_file_that_cannot_be_read_is_refused_alone(
    home: LoadingHome, monkeypatch: pytest.MonkeyPatch, format: str, right: str
) -> None:
    home.add_source(CUSTOMERS, "{date:%Y%m%d}.txt", {"customer_key": "k"}, format=format)
    home.deliver("20240101.txt", "whatever")
    home.deliver("20240102.txt", right)
    opened = text_lines.opened

    class Failing:
        """A file that can be read once, and then no more."""

        is_read = False

        def read(self, size: int) -> bytes:
            if self.is_read:
                raise UnreadableFileError("it cannot be read: Permission denied", "let crmdw read the file")
            self.is_read = True
            return b"k\nK1\nK"

    # Root may read every file, so the operating system's refusal is made here.
    monkeypatch.setattr(
        text_lines, "opened", lambda path: nullcontext(Failing()) if path.name == "20240101.txt" else opened(path)
    )
    (reason,) = home.load(CUSTOMERS).refused
    assert reason == "20240101.txt: it cannot be read: Permission denied. Remedy: let crmdw read the file"
    assert keys(home) == [("K2", None)]
    assert home.rows("select verdict, rows_read from ledger.loads order by delivery_date") == [
        ("refused", 0),
        ("loaded", 1),
    ]
