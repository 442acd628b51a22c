"""Where a source's own key is a personal number, its keyed hash takes its place before anything is stored."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading_home import LoadingHome

from pipelines.errors import SourcesFileError, UsageError
from pipelines.loading.reload import Reload
from pipelines.sources.keyed_hash import _MACROS, padded_keys
from pipelines.sources.personal_numbers import create_masking_macros

SECRET = "0123456789abcdef0123456789abcdef"
CUSTOMERS = "branch__customers"
KEYED = {"customer_key": {"column": "rrn", "hash": "keyed"}, "customer_name": "name"}
NUMBER = "8501011234567"


def expected(text: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMDW_HASH_KEY", SECRET)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        create_masking_macros(opened)
        opened.execute(_MACROS)
        yield opened


def hashed(connection: duckdb.DuckDBPyConnection, text: str | None, secret: str = SECRET) -> str | None:
    row = connection.execute("select keyed_hash(?, ?::blob, ?::blob)", [text, *padded_keys(secret)]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("secret", ["k" * 32, "비밀" * 20, "k" * 64, "k" * 65, "k" * 200])
@pytest.mark.parametrize("text", [NUMBER, "M1234-5678", "가"])
def test_it_is_the_hmac_of_python(connection: duckdb.DuckDBPyConnection, text: str, secret: str) -> None:
    assert hashed(connection, text, secret) == expected(text, secret)


@pytest.mark.parametrize(
    "spelling", ["850101-1234567", " 8501011234567 ", "850101 - 1234567", "850101\u20131234567", "\uff1850101-1234567"]
)
def test_every_spelling_has_the_same_hash(connection: duckdb.DuckDBPyConnection, spelling: str) -> None:
    assert hashed(connection, spelling) == expected(NUMBER)


def test_nothing_has_no_hash(connection: duckdb.DuckDBPyConnection) -> None:
    assert [hashed(connection, text) for text in (None, "", "  ")] == [None, None, None]


def stored(home: LoadingHome) -> str:
    """Every value that the archive and the warehouse keep."""
    tables = home.rows("select schema_name, table_name from duckdb_tables() where not internal")
    rows = [row for schema, table in tables for row in home.rows(f'from "{schema}"."{table}"')]
    for path in home.settings.archive.rglob("*.parquet"):
        rows += duckdb.sql("from read_parquet(?)", params=[str(path)]).fetchall()
    return " ".join(str(value) for row in rows for value in row)


def keys(home: LoadingHome) -> list[tuple]:
    return home.rows(f"select source_system, customer_key, customer_name from raw.{CUSTOMERS} order by all")


def test_systems_of_any_format_give_a_person_the_same_key_and_keep_no_number(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", KEYED, codec="utf-8")
    home.deliver("c_20240101.csv", "rrn,name\n850101-1234567,김은경\n")
    web = KEYED | {"customer_key": {"column": "person.rrn", "hash": "keyed"}}
    home.add_source(CUSTOMERS, "j_{date:%Y%m%d}.jsonl", web, format="json_lines", codec="utf-8", source_system="web")
    home.deliver("j_20240101.jsonl", json.dumps({"person": {"rrn": int(NUMBER)}, "name": "김은경"}) + "\n")
    home.add_source(CUSTOMERS, "p_{date:%Y%m%d}.parquet", KEYED, format="parquet", source_system="lake")
    pq.write_table(pa.table({"rrn": [int(NUMBER)], "name": ["김은경"]}), home.inbox / "p_20240101.parquet")
    home.load(CUSTOMERS)
    assert keys(home) == [(system, expected(NUMBER), "김은경") for system in ("branch", "lake", "web")]
    assert NUMBER not in re.sub("[^0-9 ]", "", stored(home))
    assert SECRET not in stored(home)
    assert home.rows("select distinct values_masked from ledger.loads") == [(0,)]


def test_a_replay_from_the_archive_does_not_hash_again(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", KEYED, codec="utf-8")
    path = home.deliver("c_20240101.csv", f"rrn,name\n{NUMBER},김은경\n")
    home.load(CUSTOMERS)
    path.unlink()
    assert home.load(CUSTOMERS, reload=Reload()).batches == 1
    assert keys(home) == [("branch", expected(NUMBER), "김은경")]


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_secret_nothing_is_read_and_it_is_not_shown(
    home: LoadingHome, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMDW_HASH_KEY", secret)
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", KEYED, codec="utf-8")
    home.deliver("c_20240101.csv", f"rrn,name\n{NUMBER},김은경\n")
    with pytest.raises(UsageError, match="CRMDW_HASH_KEY") as error:
        home.load(CUSTOMERS)
    assert "token_hex(32)" in error.value.remedy
    assert "short" not in str(error.value)
    assert not list(home.settings.archive.rglob("*.parquet"))


def test_the_log_of_statements_does_not_show_the_secret(home: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t" * 8
    connection = duckdb.connect()
    create_masking_macros(connection)
    connection.execute(_MACROS)
    connection.execute("call enable_logging('QueryLog')")
    hashed(connection, NUMBER, secret)
    log = " ".join(str(row) for row in connection.execute("select message from duckdb_logs").fetchall())
    inner, outer = padded_keys(secret)
    assert "keyed_hash" in log
    assert all(part not in log for part in (secret, str(inner), str(outer), inner.hex(), outer.hex()))


@pytest.mark.parametrize(
    ("columns", "cause"),
    [
        ({"customer_name": {"column": "name", "hash": "keyed"}}, "hash: keyed is of a key"),
        ({"person_key": "rrn"}, "person_key reads rrn too, and would find the hash"),
        ({"person_key": {"columns": ["rrn", "name"], "hash": "keyed"}}, "hash: keyed is of one column"),
        ({"person_key": {"column": "rrn", "hash": "md5"}}, "hash"),
    ],
)
def test_what_cannot_be_hashed_is_an_error_of_the_sources_file(home: LoadingHome, columns: dict, cause: str) -> None:
    home.add_source(CUSTOMERS, "c_{date:%Y%m%d}.csv", KEYED | columns, codec="utf-8")
    with pytest.raises(SourcesFileError, match=cause):
        home.sources_file()
