"""Packed text files are read as if they were not packed; a damaged archive is refused alone."""

import gzip
import io
import zipfile
from collections.abc import Callable

from loading_home import LoadingHome

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


def test_a_packed_file_is_read_as_if_it_were_not(home: LoadingHome) -> None:
    """Each kind of text file in each kind of archive, all by one load."""
    columns = {"customer_key": "k", "customer_name": "n"}
    systems = []
    for format, (frame, record, words) in CONTENTS.items():
        for ending, pack in PACKS.items():
            systems.append(f"{format}_{ending}".lower() + "_upper" * ending.isupper())
            name = f"{systems[-1]}.{ending}"
            home.add_source(CUSTOMERS, name, columns, format=format, codec="cp949", source_system=systems[-1], **words)
            home.deliver(name, pack(frame.format(record).encode("cp949")))
    assert home.load(CUSTOMERS).refused == []
    found = home.rows(f"select source_system, customer_key, customer_name from raw.{CUSTOMERS}")
    assert sorted(found) == sorted((system, "K1", "김은경") for system in systems)


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


def test_a_damaged_archive_is_refused_alone(home: LoadingHome) -> None:
    """Each kind of damage in a system of its own, beside a good delivery of the next day, all by one load."""
    for number, (ending, content, _) in enumerate(DAMAGE.values()):
        pattern = f"{number}_{{date:%Y%m%d}}.{ending}"
        home.add_source(CUSTOMERS, pattern, {"customer_key": "k"}, codec="utf-8", source_system=f"system_{number}")
        home.deliver(f"{number}_20240101.{ending}", content)
        home.deliver(f"{number}_20240102.{ending}", PACKS[ending](b"k\nK2\n"))
    refused = home.load(CUSTOMERS).refused
    for number, (ending, _, words) in enumerate(DAMAGE.values()):
        (reason,) = [reason for reason in refused if reason.startswith(f"{number}_20240101.{ending}: {words}")]
        assert ". Remedy: deliver " in reason
    assert len(refused) == len(DAMAGE)
    keys = f"select source_system, list(customer_key order by customer_key) from raw.{CUSTOMERS} group by all"
    systems = [f"system_{number}" for number in range(len(DAMAGE))]
    assert dict(home.rows(keys)) == {system: ["K2"] for system in systems}
    assert home.rows(
        "select delivery_date::varchar, verdict, rows_read, count(*) from ledger.loads group by all order by all"
    ) == [
        ("2024-01-01", "refused", 0, len(DAMAGE)),
        ("2024-01-02", "loaded", 1, len(DAMAGE)),
    ]
    for number, (ending, _, _) in enumerate(DAMAGE.values()):
        home.deliver(f"{number}_20240101.{ending}", PACKS[ending](b"k\nK1\n"))
    assert home.load(CUSTOMERS).refused == []
    assert dict(home.rows(keys)) == {system: ["K1", "K2"] for system in systems}
