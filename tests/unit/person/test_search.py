"""A planted value is found in every kind of file and spelling, by its place and never by itself; others are not."""

import gzip
import json
import pickle
import sqlite3
import unicodedata
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pipelines.connections import connected
from pipelines.person.search import Hit, Values, search
from pipelines.person.spellings import patterns, phone_digits
from pipelines.settings import Settings

VALUES = {"name": ["하늘별"], "phone": ["010-5626-1111"], "email": ["Sky@Example.com"], "birth_date": ["1980-07-16"]}


OTHERS = {"email": [f"other{number}@example.com" for number in range(100)], "record_id": ["5" * 31 + "a"]}
"""Of so many that their spellings do not fit into one expression."""

MANY = {kind: [*VALUES.get(kind, ()), *OTHERS.get(kind, ())] for kind in VALUES | OTHERS}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path / "sources.yml", "1GB", 2, 3)


def found(settings: Settings, values: Values = VALUES) -> list[tuple[str, str, str, int]]:
    return [(hit.file, hit.place, hit.kind, hit.count) for hit in search(settings, settings.home, values)]


def plant_duckdb(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("create schema marts; create table marts.mart (other integer, note varchar)")
        database.execute("insert into marts.mart select 1, ? from range(3)", [text])


def plant_parquet(path: Path, text: str) -> None:
    duckdb.sql("select [?] as notes", params=[text]).write_parquet(str(path))


def plant_sqlite(path: Path, text: str, *, is_packed: bool = False) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table event_logs (event)")
        packed = zlib.compress(text.encode()) if is_packed else text
        database.execute("insert into event_logs values (?)", [packed])


def zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("sheet.xml", "first\n" + text)


SPELLINGS = [
    ("하늘별", "name"),
    ("하 늘별님", "name"),
    (unicodedata.normalize("NFD", "하늘별"), "name"),
    ("+82 10-5626-1111", "phone"),
    ("01056261111", "phone"),
    ("0082)10.5626.1111", "phone"),
    ("０１０\uff0d５６２６\uff0d１１１１", "phone"),
    ("SKY@EXAMPLE.COM", "email"),
    ("1980. 7. 16.", "birth_date"),
    ("19800716", "birth_date"),
    ("1980 년 7 월 16 일", "birth_date"),
]


@pytest.mark.parametrize("values", [VALUES, MANY], ids=["one", "many"])
@pytest.mark.parametrize(("text", "kind"), SPELLINGS)
def test_a_value_is_found_in_every_spelling_and_file(settings, tmp_path, text, kind, values):
    text = f"before {text} after"
    plant_duckdb(tmp_path / "warehouse.duckdb", text)
    plant_parquet(tmp_path / "decisions.parquet", text)
    plant_sqlite(tmp_path / "runs.db", text)
    plant_sqlite(tmp_path / "packed.db", text, is_packed=True)
    zipped(tmp_path / "sheet.xlsx", text)
    (tmp_path / "file.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "log.txt").write_text(f"one\ntwo\n{text}\n{text}\n", encoding="utf-8")
    (tmp_path / "event.json").write_text(json.dumps({"text": text}), encoding="utf-8")
    (tmp_path / "storage.pickle").write_bytes(pickle.dumps([text, b"\xff\xfe"]))
    (tmp_path / "other.csv").write_text(text, encoding="utf-16")
    assert found(settings, values) == [
        ("decisions.parquet", "notes", kind, 1),
        ("event.json", "line 1", kind, 1),
        ("file.gz", "line 1", kind, 1),
        ("log.txt", "line 3", kind, 2),
        ("other.csv", "line 1", kind, 1),
        ("packed.db", "event_logs.event", kind, 1),
        ("runs.db", "event_logs.event", kind, 1),
        ("sheet.xlsx", "sheet.xml line 2", kind, 1),
        ("storage.pickle", "line 1", kind, 1),
        ("warehouse.duckdb", "marts.mart.note", kind, 3),
    ]


@pytest.mark.parametrize("values", [VALUES, MANY], ids=["one", "many"])
@pytest.mark.parametrize("before", [0, 8_185, 8_192, 8_690, 8_700, 100_000])
def test_a_value_is_found_anywhere_in_a_line_of_many_thousand_characters(settings, tmp_path, values, before):
    text = "가" * before + " 010-5626-1111 " + "가" * 20_000
    (tmp_path / "manifest.json").write_text(json.dumps({"text": text}), encoding="utf-8")
    assert found(settings, values) == [("manifest.json", "line 1", "phone", 1)]


@pytest.mark.parametrize("before", [8_192 - 11, 8_192, 8_192 + 512 - 11])
def test_the_beginning_of_a_longer_number_is_none_wherever_a_long_line_is_cut(settings, tmp_path, before):
    text = "x" * before + "0105626111122" + "x" * 20_000
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    assert found(settings, MANY) == []


def test_a_file_in_cp949_is_read_as_it_is_meant(settings, tmp_path):
    (tmp_path / "customers.csv").write_bytes("번호,이름\nK1,하늘별\n".encode("cp949"))
    assert found(settings) == [("customers.csv", "line 2", "name", 1)]


def test_what_was_deleted_and_lies_in_the_bytes_of_a_database_is_found(settings, tmp_path):
    plant_sqlite(tmp_path / "runs.db", "Sky@Example.com")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database, database:
        database.execute("pragma secure_delete = off")
        database.execute("delete from event_logs")
    assert found(settings) == [("runs.db", "bytes", "email", 1)]


@pytest.mark.parametrize("values", [VALUES, MANY], ids=["one", "many"])
@pytest.mark.parametrize(
    "text",
    ["늘별", "하늘", "1010562611110", "010-5626-11112", "xsky@example.com", "sky@example.community", "119800716"],
)
def test_a_part_of_a_value_or_a_longer_one_is_no_hit(settings, tmp_path, text, values):
    plant_duckdb(tmp_path / "warehouse.duckdb", text)
    (tmp_path / "log.txt").write_text(text, encoding="utf-8")
    assert found(settings, values) == []


@pytest.mark.parametrize("values", [VALUES, MANY], ids=["one", "many"])
def test_a_value_is_found_in_columns_of_every_type_that_can_hold_it(settings, tmp_path, values):
    values = values | {"customer_key": ["4711471"]}
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as database:
        database.execute(
            """
            create table held as select
                4711471 as whole, 4711471.50::decimal(12, 2) as cents, 821056261111::hugeint as phone,
                date '1980-07-16' as birth_date, [{'text': '하늘별'}] as nested, 'Sky@Example.com'::blob as bytes,
                -4711471::bigint as negative;
            create table other as select
                47114711 as longer, 4711470 as smaller, date '1980-07-17' as another_date, true as is_true,
                4711471.0::double as rounded, timestamp '1980-07-16 00:00:00' as instant, null::varchar as nothing,
                [4.5::decimal(3, 1)] as numbers;
            """
        )
    assert found(settings, values) == [
        ("warehouse.duckdb", "main.held.birth_date", "birth_date", 1),
        ("warehouse.duckdb", "main.held.bytes", "email", 1),
        ("warehouse.duckdb", "main.held.cents", "customer_key", 1),
        ("warehouse.duckdb", "main.held.negative", "customer_key", 1),
        ("warehouse.duckdb", "main.held.nested", "name", 1),
        ("warehouse.duckdb", "main.held.phone", "phone", 1),
        ("warehouse.duckdb", "main.held.whole", "customer_key", 1),
    ]


@pytest.mark.parametrize("values", [VALUES, MANY], ids=["one", "many"])
def test_a_hash_is_found_whole_and_holds_nothing_else(settings, tmp_path, values):
    values = values | {"record_id": ["0123456789abcdef" * 2, *values.get("record_id", ())]}
    plant_duckdb(tmp_path / "warehouse.duckdb", "0123456789abcdef" * 2)
    plant_duckdb(tmp_path / "other.duckdb", "a01056261111b" + "c" * 19)
    assert found(settings, values) == [("warehouse.duckdb", "marts.mart.note", "record_id", 3)]


def test_a_value_across_two_chunks_of_a_long_line_is_found(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.person.search._CHUNK_BYTES", 2048)
    for before in range(2040, 2056):
        (tmp_path / "log.txt").write_text("x " * 3000 + "y" * before + " Sky@Example.com " + "z " * 5000)
        assert [hit.kind for hit in search(settings, tmp_path, VALUES)] == ["email"]


def test_short_values_are_not_searched_for():
    assert patterns({"name": ["김민"], "customer_key": ["1234"], "phone": ["1234"]}) == {}


def test_a_hit_shows_no_value(settings, tmp_path):
    (tmp_path / "log.txt").write_text("하늘별 Sky@Example.com 010-5626-1111", encoding="utf-8")
    shown = repr(search(settings, tmp_path, VALUES))
    assert "log.txt" in shown and not any(value in shown for some in VALUES.values() for value in some)


def test_a_skipped_folder_is_not_read_and_a_link_is_not_followed(settings, tmp_path):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "file.csv").write_text("Sky@Example.com")
    (tmp_path / "link").symlink_to(tmp_path / "inbox" / "file.csv")
    assert search(settings, tmp_path, VALUES, [tmp_path / "inbox"]) == []
    assert search(settings, tmp_path, VALUES) == [Hit("inbox/file.csv", "line 1", "email", 1)]


def test_a_database_that_is_written_to_is_read_with_what_is_in_its_log(settings, tmp_path):
    with connected(settings, tmp_path / "warehouse.duckdb") as database:
        database.execute("create table t (note varchar); checkpoint; set wal_autocheckpoint = '1GB'")
        database.execute("insert into t values ('Sky@Example.com')")
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in list(tmp_path.glob("warehouse.duckdb*")):
            (copy / file.name).write_bytes(file.read_bytes())
    hits = search(settings, copy, VALUES)
    assert ("warehouse.duckdb", "main.t.note") in [(hit.file, hit.place) for hit in hits]


def test_a_telephone_number_is_dialled_in_five_forms_and_a_service_number_in_one():
    assert phone_digits(["010-5626-1111"]) == [
        "0082010" + "56261111",
        "0082" + "1056261111",
        "01056261111",
        "82010" + "56261111",
        "821056261111",
    ]
    assert phone_digits(["1588-1234"]) == ["15881234"]


def test_what_was_found_clean_is_read_again_only_when_it_changed(settings, tmp_path):
    clean: dict[Path, tuple[int, int, int]] = {}
    (tmp_path / "same.txt").write_text("nothing")
    (tmp_path / "hit.txt").write_text("Sky@Example.com")
    plant_parquet(tmp_path / "changed.parquet", "nothing")
    assert [hit.file for hit in search(settings, tmp_path, VALUES, clean=clean)] == ["hit.txt"]
    assert sorted(path.name for path in clean) == ["changed.parquet", "same.txt"]
    plant_parquet(tmp_path / "changed.parquet", "Sky@Example.com")
    assert [hit.file for hit in search(settings, tmp_path, VALUES, clean=clean)] == ["changed.parquet", "hit.txt"]


def test_of_several_hundred_persons_each_is_found(settings, tmp_path):
    numbers = [f"010-5626-{number:04}" for number in range(1000, 1400)]
    plant_parquet(tmp_path / "many.parquet", " ; ".join(numbers))
    (tmp_path / "last.txt").write_text(f"+82 {numbers[-1][1:]}")
    hits = search(settings, tmp_path, {"phone": numbers, "email": [f"a{number}@example.com" for number in numbers]})
    assert [(hit.file, hit.kind) for hit in hits] == [("last.txt", "phone"), ("many.parquet", "phone")]


@pytest.mark.parametrize("name", ["a*.parquet", "a?.parquet", "a[b].parquet", "가,{b}.parquet"])
def test_a_parquet_file_is_read_by_its_name_and_not_by_a_pattern(settings, tmp_path, name):
    for other in ("ab.parquet", "ac.parquet"):
        plant_parquet(tmp_path / other, "nothing")
    (tmp_path / "planted").mkdir()
    plant_parquet(tmp_path / "planted" / "file", "Sky@Example.com")
    (tmp_path / "planted" / "file").rename(tmp_path / name)
    assert found(settings) == [(name, "notes", "email", 1)]


def test_a_column_may_be_called_as_what_tells_the_files_apart(settings, tmp_path):
    for name, text in (("a", "nothing"), ("b", "Sky@Example.com"), ("c", "nothing")):
        duckdb.sql(f"select 2 as FILE_index, '{text}' as filename").write_parquet(str(tmp_path / f"{name}.parquet"))
    assert found(settings) == [("b.parquet", "filename", "email", 1)]


def test_a_file_of_two_names_is_found_under_both(settings, tmp_path):
    plant_duckdb(tmp_path / "published.duckdb", "Sky@Example.com")
    (tmp_path / "version.duckdb").hardlink_to(tmp_path / "published.duckdb")
    assert found(settings) == [
        ("published.duckdb", "marts.mart.note", "email", 3),
        ("version.duckdb", "marts.mart.note", "email", 3),
    ]
