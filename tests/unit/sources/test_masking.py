"""Personal numbers are masked before anything is stored, by what their column is, and counted; keys stay."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from loading_home import LoadingHome

from pipelines.loading.reload import Reload

CUSTOMERS = "branch__customers"
HEADER = ["no", "name", "addr", "memo", "sign"]
COLUMNS = {"customer_key": "no", "customer_name": "name", "address": "addr", "occupation": "sign"}
RESIDENT, CARD = "8501011234567", "4111111111111111"
# A resident number in a name without a hyphen, a card in an address, one with a hyphen in a column that nothing maps,
# numbers in a key and a code, and a barcode in a column that nothing maps.
ROWS = [
    ["K1", f"김은경 {RESIDENT}", "서울 4111-1111-1111-1111", "850101-1234567", "farmer"],
    ["K2", "서지원", "서울", "8801071234567", "farmer"],
    ["8801071234567", "박지우", "서울", "", "900101-2345678"],
]


def csv(path: Path) -> None:
    path.write_text("\n".join(",".join(row) for row in [HEADER, *ROWS]) + "\n", encoding="utf-8")


def fixed_width(path: Path) -> None:
    path.write_bytes(b"".join(b"".join(cell.encode("cp949").ljust(40) for cell in row) + b"\n" for row in ROWS))


def json_lines(path: Path) -> None:
    path.write_text("".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS), encoding="utf-8")


def parquet(path: Path) -> None:
    pq.write_table(pa.table(dict(zip(HEADER, map(list, zip(*ROWS, strict=True)), strict=True))), path)


def excel(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER, *ROWS]):
            sheet.write_row(number, 0, row)


def sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table customers (no text, name text, addr text, memo text, sign text)")
    connection.executemany("insert into customers values (?, ?, ?, ?, ?)", ROWS)
    connection.commit()
    connection.close()


FORMATS: dict[str, tuple[Callable[[Path], None], dict]] = {
    "csv": (csv, {"codec": "utf-8"}),
    "fixed_width": (
        fixed_width,
        {"codec": "cp949", "fields": {name: [1 + 40 * place, 40] for place, name in enumerate(HEADER)}},
    ),
    "json_lines": (json_lines, {"codec": "utf-8"}),
    "parquet": (parquet, {}),
    "excel": (excel, {}),
    "sqlite": (sqlite, {"table": "customers"}),
}


def archived(home: LoadingHome) -> list[dict]:
    """The rows of the archive, decoded: compressed, a number would not be found in the bytes."""
    files = [str(path) for path in home.settings.archive.rglob("*.parquet")]
    relation = duckdb.sql("from read_parquet(?, union_by_name = true)", params=[files])
    rows = relation.order("row_number").fetchall()
    texts = [[value.rstrip() if isinstance(value, str) else value for value in row] for row in rows]
    return [dict(zip(relation.columns, row, strict=True)) for row in texts]


def stored(home: LoadingHome) -> list[str]:
    """Every value that the archive and the warehouse keep, as text."""
    tables = home.rows("select schema_name, table_name from duckdb_tables() where not internal")
    held = home.rows_of({f"{schema}.{table}": f'from "{schema}"."{table}"' for schema, table in tables})
    rows = [row for found in held.values() for row in found]
    return [str(value) for row in [*rows, *(tuple(row.values()) for row in archived(home))] for value in row]


def leaks(home: LoadingHome, number: str) -> list[str]:
    return [value for value in stored(home) if number in re.sub(r"[^0-9]", "", value)]


def deliver(home: LoadingHome, format: str, system: str = "branch") -> None:
    write, words = FORMATS[format]
    folder = "" if system == "branch" else f"{system}/"
    pattern = f"{folder}customers_{{date:%Y%m%d}}.file"
    home.add_source(CUSTOMERS, pattern, COLUMNS, format=format, source_system=system, **words)
    path = home.inbox / folder / "customers_20240101.file"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_stored_of_a_delivery_is_masked_by_what_its_columns_are(home: LoadingHome, format: str) -> None:
    deliver(home, format)
    result = home.load(CUSTOMERS)
    assert (result.refused, result.counts["read"]) == ([], 3)
    rows = archived(home)
    assert (rows[0]["name"], rows[0]["addr"]) == ("김은경 ******-*******", "서울 ****-****-****-1111")
    if format == "json_lines":
        records = [json.loads(row["_record"]) for row in rows]
        assert records[0] == dict(
            zip(HEADER, ["K1", rows[0]["name"], rows[0]["addr"], "******-*******", "farmer"], strict=True)
        )
        assert records[1]["memo"] == "8801071234567"
    else:
        assert [row["memo"] or "" for row in rows] == ["******-*******", "8801071234567", ""]
    assert (rows[2]["no"], rows[2]["sign"]) == ("8801071234567", "900101-2345678")
    assert home.rows("select values_masked from ledger.loads") == [(3,)]
    assert leaks(home, RESIDENT) == [] and leaks(home, CARD) == []


def test_without_the_masking_the_search_finds_the_numbers(home: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.loading.gather.mask_landing", lambda gate, source, kinds: {})
    for format in FORMATS:
        deliver(home, format, system=format)
    home.load(CUSTOMERS)
    held = home.rows(
        f"select source_system from raw.{CUSTOMERS} where contains(customer_name, '{RESIDENT}') order by 1"
    )
    assert held == [(format,) for format in sorted(FORMATS)]
    # In raw and in the archive, of each format; a record of JSON has them once more.
    assert len(leaks(home, CARD)) >= 2 * len(FORMATS)
    assert len(leaks(home, RESIDENT)) >= 2 * len(FORMATS)


def test_keys_and_codes_stay_and_warn(home: LoadingHome) -> None:
    deliver(home, "csv")
    home.load(CUSTOMERS)
    assert home.rows(
        "select severity, observed from ledger.gate_results where verdict = 'fail' and severity = 'warning' "
        "and expectation like '%resident or card number%'"
    ) == [("warning", "no: 1 values, sign: 1 values")]


def test_amounts_and_dates_are_no_text_about_a_person(home: LoadingHome) -> None:
    columns = {"transaction_key": "no", "transacted_at": "at", "amount_role": {"constant": "sale"}}
    columns |= {"amount": "sum", "customer_key": "who"}
    home.add_source("branch__transactions", "t_{date:%Y%m%d}.csv", columns, codec="utf-8")
    home.deliver("t_20240101.csv", f"no,at,sum,who\nT1,2024-01-01 10:00:00,{CARD},{CARD}\n")
    home.load("branch__transactions")
    assert archived(home)[0]["sum"] == archived(home)[0]["who"] == CARD
    assert home.rows("select values_masked from ledger.loads") == [(0,)]


def test_a_column_that_fills_a_key_too_is_a_key(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", {"customer_key": "tel", "phone": "tel"}, codec="utf-8")
    home.deliver("c_20240101.csv", f"tel\n{CARD}\n")
    home.load(CUSTOMERS)
    assert home.rows(f"select customer_key, phone from raw.{CUSTOMERS}") == [(CARD, CARD)]


def test_unparsed_lines_and_refused_deliveries_are_masked(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", COLUMNS, codec="utf-8")
    home.deliver("c_20240101.csv", "no,name,addr,sign\nK1,850101-1234567\n")
    home.deliver("c_20240102.csv", "no,title,addr,sign\nK1,850102-1234567,x,y\n")
    home.deliver("c_20240103.csv", "850103-1234567,name,addr,sign\nK1,850103-1234567,x,y\n")
    result = home.load(CUSTOMERS)
    assert [row[0] for row in home.rows("select record from quarantine.rows order by record")] == [
        "K1,******-*******",
        "K1,******-*******,x,y",
        "K1,******-*******,x,y",
    ]
    for number in ("8501011234567", "8501021234567"):
        assert leaks(home, number) == []
        assert number not in re.sub("[^0-9]", "", " ".join(result.refused))
    assert home.rows("select sum(values_masked) from ledger.loads") == [(3,)]


def test_a_record_of_json_keeps_no_number_that_its_column_lost(home: LoadingHome) -> None:
    columns = {"customer_key": "no", "customer_name": "person.names.0", "address": "person.address"}
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.jsonl", columns, format="json_lines", codec="utf-8")
    records = [
        {"no": "K1", "person": {"names": [int(RESIDENT)], "address": f'a "quoted"\n{CARD}'}, "n": 1},
        {"no": "K2", "person": {"names": ["\uff18\uff15\uff10\uff11\uff10\uff11\u20131234567"], "address": None}},
        {"no": "K3", "person": {"names": ["서지원"], "address": "서울"}},
    ]
    written = "".join(json.dumps(record) + "\n" for record in records)
    home.deliver("c_20240101.jsonl", written)
    home.load(CUSTOMERS)
    kept = [row["_record"] for row in archived(home)]
    assert [json.loads(record) for record in kept[:2]] == [
        {"no": "K1", "person": {"names": ["******-*******"], "address": 'a "quoted"\n****-****-****-1111'}, "n": 1},
        {"no": "K2", "person": {"names": ["******-*******"], "address": None}},
    ]
    assert kept[2] == written.splitlines()[2]
    assert leaks(home, RESIDENT) == [] and leaks(home, CARD) == []
    assert home.rows("select values_masked from ledger.loads") == [(3,)]


def test_the_same_delivery_is_masked_alike_and_a_replay_keeps_the_count(home: LoadingHome) -> None:
    deliver(home, "csv")
    home.load(CUSTOMERS)
    before = (archived(home), home.rows(f"from raw.{CUSTOMERS} order by row_number"))
    home.load(CUSTOMERS, reload=Reload())
    assert (archived(home), home.rows(f"from raw.{CUSTOMERS} order by row_number")) == before
    (home.inbox / "customers_20240101.file").unlink()
    home.load(CUSTOMERS, reload=Reload())
    assert home.rows(f"from raw.{CUSTOMERS} order by row_number") == before[1]
    assert home.rows("select values_masked from ledger.loads") == [(3,)] * 3
    (observed,) = home.rows(
        "select observed from ledger.gate_results where expectation like '%resident or card number%'"
    )
    assert observed == ("no: 1 values, sign: 1 values",)


def test_more_rows_than_are_masked_at_once(home: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.masking._ROWS_AT_ONCE", 2)
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", {"customer_key": "no", "customer_name": "name"}, codec="utf-8")
    home.deliver("c_20240101.csv", "no,name\n" + "".join(f"K{n},850101-123456{n}\n" for n in range(5)))
    home.load(CUSTOMERS)
    assert home.rows(f"select distinct customer_name from raw.{CUSTOMERS}") == [("******-*******",)]
    assert home.rows("select values_masked from ledger.loads") == [(5,)]
