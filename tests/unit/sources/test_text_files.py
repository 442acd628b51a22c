"""Delimited text as companies write it: other codecs and delimiters, no header line, Hangul in pieces."""

import unicodedata

import pytest
from loading_home import LoadingHome

from pipelines.settings import PROJECT_ROOT

CUSTOMERS = "branch__customers"
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"
LEGAL_DONG_CODES = SHARED_DATA / "korean" / "legal_dong_codes_cp949.txt"
NORTHWIND = SHARED_DATA / "northwind"


def customers(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select row_number, customer_key, customer_name from raw.{CUSTOMERS} order by 1")


CODECS = {
    "utf-8": ("김은경", ""),
    "utf-8 with a byte order mark": ("김은경", "\ufeff"),
    "utf-16": ("김은경", ""),
    "utf-16-le": ("김은경", "\ufeff"),
    "cp949": ("똠방각하", ""),
    "cp1252": ("Žofie Müller €", ""),
}


@pytest.mark.parametrize("packing", ["", "decomposed"])
@pytest.mark.parametrize("codec", CODECS)
def test_tab_separated_text_of_each_codec(home: LoadingHome, codec: str, packing: str) -> None:
    name, mark = CODECS[codec]
    codec, _, _ = codec.partition(" ")
    content = f"번호\t이름\nK1\t{name}\n" if codec != "cp1252" else f"no\tname\nK1\t{name}\n"
    header, _, _ = content.partition("\n")
    columns = dict(zip(("customer_key", "customer_name"), header.split("\t"), strict=True))
    if packing and codec.startswith("utf"):
        content = unicodedata.normalize("NFD", content)
    home.add_source(CUSTOMERS, "c.tsv", columns, codec=codec, delimiter="\t")
    home.deliver("c.tsv", mark + content, codec=codec)
    assert home.load(CUSTOMERS).refused == []
    assert customers(home) == [(2, "K1", name)]


class TestNoHeader:
    """`fields` names the columns of files whose first line is a record."""

    @pytest.fixture
    def old(self, home: LoadingHome) -> LoadingHome:
        columns = {"customer_key": "no", "customer_name": "name"}
        home.add_source(CUSTOMERS, "{date:%Y%m%d}.csv", columns, codec="utf-8", fields=["no", "name", "rest"])
        return home

    def test_the_first_line_is_a_record(self, old: LoadingHome) -> None:
        old.deliver("20240101.csv", "K1,김은경,x\n\nK2,서지원,\n")
        assert old.load(CUSTOMERS).refused == []
        assert customers(old) == [(1, "K1", "김은경"), (3, "K2", "서지원")]
        assert old.rows("select source_columns from ledger.loads") == [("no, name, rest",)]

    def test_a_file_without_a_line_is_a_day_without_rows(self, old: LoadingHome) -> None:
        old.deliver("20240101.csv", "")
        assert old.load(CUSTOMERS).refused == []
        assert old.rows("select verdict, rows_read from ledger.loads") == [("loaded", 0)]

    def test_a_new_column_is_read_into_no_other(self, old: LoadingHome) -> None:
        old.deliver("20240101.csv", "K1,new,김은경,x\nK2,new,서지원,\n")
        (reason,) = old.load(CUSTOMERS).refused
        assert "2 of 2 rows are held back" in reason
        assert old.rows("select distinct reasons from quarantine.rows") == [
            ("unparsable line: too many columns: 4 of 3",)
        ]


@pytest.mark.skipif(not LEGAL_DONG_CODES.exists(), reason=f"the shared data is not there: {LEGAL_DONG_CODES}")
def test_the_legal_dong_codes_are_read_whole(home: LoadingHome) -> None:
    home.add_source("demographics__areas", "", {"area_key": "code", "town": "name"}, codec="cp949", delimiter="\t")
    home.sources[0] |= {"path": str(LEGAL_DONG_CODES), "fields": ["code", "name", "state"]}
    result = home.load("demographics__areas")
    assert (result.refused, result.counts["read"], result.counts["quarantined"]) == ([], 46_186, 0)
    assert home.rows("select town from raw.demographics__areas where area_key = '1111010100'") == [
        ("서울특별시 종로구 청운동",)
    ]


@pytest.mark.skipif(not NORTHWIND.is_dir(), reason=f"the shared data is not there: {NORTHWIND}")
@pytest.mark.parametrize(
    ("file", "key", "read", "unparsed"), [("orders", "orderID", 830, 176), ("customers", "customerID", 91, 24)]
)
def test_lines_with_commas_that_nobody_quoted_are_held_back(
    home: LoadingHome, file: str, key: str, read: int, unparsed: int
) -> None:
    home.add_source(CUSTOMERS, "", {"customer_key": key}, codec="cp1252")
    home.sources[0]["path"] = str(NORTHWIND / f"northwind_{file}.csv")
    result = home.load(CUSTOMERS)
    assert len(result.refused) == 1
    assert (result.counts["read"], result.counts["quarantined"]) == (read, read)
    assert home.rows(
        "select count(*) from quarantine.rows where starts_with(reasons, 'unparsable line: too many columns')"
    ) == [(unparsed,)]
