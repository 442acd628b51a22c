"""Packed text files are read as if they were not packed; a damaged archive is refused alone."""

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest
from loading_home import Home

CUSTOMERS = "branch__customers"
FIELDS = {"fields": {"k": ["1", "4"], "n": ["5", "6"]}}
CONTENTS = {
    "csv": ("k,n\n{}\n", "K1,김은경", {}),
    "json_lines": ("{}\n", '{"k": "K1", "n": "김은경"}', {}),
    "fixed_width": ("{}\n", "K1  김은경", FIELDS),
}


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "GZ": gzip.compress,
    "zip": lambda content: zipped(**{"folder/": b"", "folder/file": content, "__MACOSX/folder/._file": b"x"}),
}


@pytest.mark.parametrize("ending", PACKS)
@pytest.mark.parametrize("format", CONTENTS)
def test_a_packed_file_is_read_as_if_it_were_not(home: Home, format: str, ending: str) -> None:
    frame, record, words = CONTENTS[format]
    home.add_source(CUSTOMERS, f"c.{ending}", {"customer_key": "k", "customer_name": "n"}, format=format, codec="cp949")
    home.sources[0] |= words
    home.deliver(f"c.{ending}", PACKS[ending](frame.format(record).encode("cp949")))
    assert home.load(CUSTOMERS).refused == []
    assert home.rows(f"select customer_key, customer_name from raw.{CUSTOMERS}") == [("K1", "김은경")]


def encrypted(content: bytes) -> bytes:
    packed = bytearray(zipped(file=content))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + place] |= 1
    return bytes(packed)


MANY = "k\n" + "".join(f"K{number}\n" for number in range(100_000))
DAMAGE = {
    # what is wrong: (ending, content, words of the reason)
    "cut off": ("gz", gzip.compress(MANY.encode())[:-2000], "the archive is damaged or cut off"),
    "no gzip": ("gz", b"k\nK1\n", "the archive is damaged or cut off"),
    "bytes flipped": ("gz", gzip.compress(MANY.encode())[:5000] + bytes(5000), "the archive is damaged or cut off"),
    "a wrong sum": ("gz", gzip.compress(b"k\nK1\n")[:-8] + bytes(8), "the archive is damaged or cut off"),
    "no zip": ("zip", b"k\nK1\n", "the archive is damaged or cut off"),
    "a zip cut off": ("zip", zipped(file=MANY.encode())[:5000], "the archive is damaged or cut off"),
    "a member damaged": (
        "zip",
        zipped(file=MANY.encode()).replace(zipped(file=MANY.encode())[9000:9100], bytes(100)),
        "the archive is damaged or cut off",
    ),
    "two files": ("zip", zipped(a=b"k\nK1\n", b=b"k\nK2\n"), "the archive holds 2 files"),
    "no file": ("zip", zipped(), "the archive holds 0 files"),
    "encrypted": ("zip", encrypted(b"k\nK1\n"), "the archive is encrypted"),
}


@pytest.mark.parametrize("fault", DAMAGE)
def test_a_damaged_archive_is_refused_alone(home: Home, fault: str) -> None:
    ending, content, words = DAMAGE[fault]
    home.add_source(CUSTOMERS, f"{{date:%Y%m%d}}.{ending}", {"customer_key": "k"}, codec="utf-8")
    home.deliver(f"20240101.{ending}", content)
    home.deliver(f"20240102.{ending}", PACKS[ending](b"k\nK2\n"))
    (reason,) = home.load(CUSTOMERS).refused
    assert reason.startswith(f"20240101.{ending}: {words}")
    assert ". Remedy: deliver " in reason
    assert home.rows(f"select customer_key from raw.{CUSTOMERS}") == [("K2",)]
    assert home.rows("select verdict, rows_read from ledger.loads order by delivery_date") == [
        ("refused", 0),
        ("loaded", 1),
    ]
    home.deliver(f"20240101.{ending}", PACKS[ending](b"k\nK1\n"))
    assert home.load(CUSTOMERS).refused == []
    assert home.rows(f"select customer_key from raw.{CUSTOMERS} order by 1") == [("K1",), ("K2",)]
