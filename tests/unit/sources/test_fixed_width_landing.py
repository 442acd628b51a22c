"""Fixed-width lines are cut by bytes before they are decoded; a line of another length is held back, and only it."""

import pytest
from loading_home import LoadingHome

from pipelines.sources import text_lines

CUSTOMERS = "branch__customers"
COLUMNS = {"customer_key": "number", "customer_name": "name", "occupation": "class"}
FIELDS = {"number": ["1", "4"], "name": ["5", "8"], "class": ["13", "3"]}


@pytest.fixture
def host(home: LoadingHome) -> LoadingHome:
    """A home to which a host delivers customers in CP949: number, name of four syllables, class."""
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.txt", COLUMNS, format="fixed_width", codec="cp949", fields=FIELDS)
    return home


def line(number: str, name: str, occupation: str) -> bytes:
    return b"".join(text.encode("cp949").ljust(width) for text, width in ((number, 4), (name, 8), (occupation, 3)))


def customers(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select row_number, customer_key, customer_name, occupation from raw.{CUSTOMERS} order by 1")


def held(home: LoadingHome) -> list[tuple]:
    return home.rows("select row_number, reasons, record from quarantine.rows order by 1")


@pytest.mark.parametrize("chunk", [1, 7, 8 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_hangul_takes_two_bytes_and_shifts_nothing(
    host: LoadingHome, monkeypatch: pytest.MonkeyPatch, chunk: int, end: bytes
) -> None:
    monkeypatch.setattr(text_lines, "_CHUNK_BYTES", chunk)
    lines = [line("K1", "김은경", "사"), b"", line("K2", "Kim", "a"), line("K3", "똠방각하", "")]
    host.deliver("c_20240101.txt", end.join(lines))
    assert host.load(CUSTOMERS).refused == []
    assert held(host) == []
    assert customers(host) == [(1, "K1", "김은경", "사"), (3, "K2", "Kim", "a"), (4, "K3", "똠방각하", None)]


def test_a_line_of_another_length_is_held_back_alone(host: LoadingHome) -> None:
    lines = (
        [
            line("K1", "김은경", "abc"),
            line("K2", "김은경", "abc") + b"  ",  # blanks beyond the fields
            line("K3", "김은경", "a").rstrip(),  # blanks stripped
            line("K4", "김은경", "").rstrip().ljust(12),  # the last field stripped whole
            line("K5", "김은", "")[:11],
            line("K6", "김은경", "abc") + b"d",
        ]
        + [line(f"L{number}", "김은경", "abc") for number in range(100)]
    )
    host.deliver("c_20240101.txt", b"\n".join(lines) + b"\n")
    result = host.load(CUSTOMERS)
    assert (result.counts["read"], result.counts["loaded"], result.counts["quarantined"]) == (106, 104, 2)
    assert customers(host)[:4] == [
        (1, "K1", "김은경", "abc"),
        (2, "K2", "김은경", "abc"),
        (3, "K3", "김은경", "a"),
        (4, "K4", "김은경", None),
    ]
    assert held(host) == [
        (5, "unparsable line: too short: 11 bytes of 15", "K5  김은   "),
        (6, "unparsable line: too long: 16 bytes of 15", "K6  김은경  abcd"),
    ]


def test_a_syllable_cut_by_a_border_holds_back_its_row_alone(host: LoadingHome) -> None:
    whole = [line(f"L{number}", "Kim", "a") for number in range(50)]
    # The name is one byte to the right of where it should be: its last syllable reaches into the class.
    cut = b"K1   " + "김은경수".encode("cp949") + b"ab"
    host.deliver("c_20240101.txt", b"\n".join([*whole[:25], cut, *whole[25:]]))
    host.load(CUSTOMERS)
    ((row_number, reasons, record),) = held(host)
    assert (row_number, len(customers(host))) == (26, 50)
    assert "decod" in reasons and "�" in record


def test_header_lines_are_no_records_and_keep_the_numbering(host: LoadingHome) -> None:
    host.sources[0]["header_lines"] = 2
    host.deliver("c_20240101.txt", b"EXTRACT 2024\n----\n" + line("K1", "김은경", "a"))
    host.load(CUSTOMERS)
    assert customers(host) == [(3, "K1", "김은경", "a")]
    assert host.rows("select source_columns from ledger.loads") == [("number, name, class",)]


def test_a_file_without_a_line_is_a_day_without_rows(host: LoadingHome) -> None:
    host.deliver("c_20240101.txt", b"")
    assert host.load(CUSTOMERS).refused == []
    assert host.rows("select verdict, rows_read from ledger.loads") == [("loaded", 0)]


def test_utf_8_with_a_byte_order_mark_is_cut_after_it(host: LoadingHome) -> None:
    host.sources[0]["codec"] = "utf-8"
    host.deliver("c_20240101.txt", b"\xef\xbb\xbf" + b"K1  " + "김은".encode().ljust(8) + b"a")
    host.load(CUSTOMERS)
    assert customers(host) == [(1, "K1", "김은", "a")]
