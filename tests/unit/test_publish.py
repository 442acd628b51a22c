"""The candidate, its comparison with the warehouse, and the rename: each step alone, on a warehouse of two tables."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines import publish
from pipelines.connections import connected
from pipelines.content_hash import content_hash
from pipelines.errors import ExitCode, PublishError
from pipelines.ledger import create_tables, known_state_hash, published_state_hash
from pipelines.publish import audit_candidate, build_candidate, candidate_file, publish_candidate
from pipelines.settings import Settings

_TABLES = """
create schema core;
create schema marts;
create schema staging;
create table core.dim_customer (customer_id varchar primary key, region varchar not null);
insert into core.dim_customer select md5(number::varchar), 'Seoul' from range({rows}) as numbers (number);
comment on table core.dim_customer is 'One row per customer; it''s dated.';
comment on column core.dim_customer.region is 'Region, not the address';
create table marts.mart_rfm as select customer_id, 5 as recency_score from core.dim_customer;
create view marts.a_view as select 1 as one;
create table staging.private as select '홍길동' as customer_name;
"""


@pytest.fixture
def settings(home) -> Settings:
    _fill(home.settings, 1000)
    return home.settings


def _fill(settings: Settings, rows: int) -> None:
    settings.warehouse.unlink(missing_ok=True)
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute(_TABLES.format(rows=rows))
        warehouse.execute("insert into ledger.company values ('Asia/Seoul', 'KRW', '2024-01-31', '2024-02-01')")


def _published(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.published_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _publish(settings: Settings) -> publish.Publication:
    build_candidate(settings)
    return publish_candidate(settings, "run")


def test_the_candidate_holds_the_published_tables_with_their_keys_and_comments(settings):
    assert build_candidate(settings) == {"core.dim_customer": 1000, "marts.mart_rfm": 1000}
    with duckdb.connect(str(candidate_file(settings)), read_only=True) as candidate:
        tables = candidate.execute(
            "select schema_name, table_name, comment from duckdb_tables() order by all"
        ).fetchall()
        assert tables == [
            ("core", "dim_customer", "One row per customer; it's dated."),
            ("marts", "mart_rfm", None),
        ]
        assert candidate.execute("select view_name from duckdb_views() where not internal").fetchall() == []
        comments = candidate.execute("select column_name, comment from duckdb_columns() where comment is not null")
        assert comments.fetchall() == [("region", "Region, not the address")]
        constraints = candidate.execute(
            "select constraint_type from duckdb_constraints() where table_name = 'dim_customer'"
        )
        assert {kind for (kind,) in constraints.fetchall()} == {"PRIMARY KEY", "NOT NULL"}


def test_no_byte_of_an_unpublished_table_is_in_the_candidate(settings):
    build_candidate(settings)
    assert "홍길동".encode() in settings.warehouse.read_bytes()
    assert "홍길동".encode() not in candidate_file(settings).read_bytes()


def test_the_candidate_is_closed_and_has_no_log(settings):
    build_candidate(settings)
    assert not candidate_file(settings).with_name(".candidate.duckdb.wal").exists()
    with duckdb.connect(str(settings.warehouse)):
        pass


def test_an_old_candidate_of_an_interrupted_run_is_replaced(settings):
    settings.published.mkdir()
    candidate_file(settings).write_bytes(b"half of a file")
    candidate_file(settings).with_name(".candidate.duckdb.wal").write_bytes(b"its log")
    assert build_candidate(settings)["core.dim_customer"] == 1000


def test_a_candidate_that_differs_from_the_warehouse_fails_its_audit(settings, monkeypatch):
    monkeypatch.setattr(publish, "audited_tables", list)
    build_candidate(settings)
    assert [verdict.faults for verdict in audit_candidate(settings)] == [[]]
    with duckdb.connect(str(candidate_file(settings))) as candidate:
        candidate.execute(
            "delete from marts.mart_rfm where customer_id = (select min(customer_id) from marts.mart_rfm)"
        )
    assert [verdict.faults for verdict in audit_candidate(settings)] == [
        ["marts.mart_rfm differs from the warehouse's"]
    ]


def test_a_candidate_that_lacks_a_table_fails_its_audit(settings, monkeypatch):
    monkeypatch.setattr(publish, "audited_tables", list)
    build_candidate(settings)
    with duckdb.connect(str(candidate_file(settings))) as candidate:
        candidate.execute("drop table marts.mart_rfm")
    assert [verdict.faults for verdict in audit_candidate(settings)] == [["marts.mart_rfm is not there"]]


def test_a_publication_is_a_read_only_file_that_the_ledger_knows(settings):
    publication = _publish(settings)
    assert publication.path == settings.published_file
    assert publication.rows == {"core.dim_customer": 1000, "marts.mart_rfm": 1000}
    assert publication.stray_log is None
    status = settings.published_file.lstat()
    assert (stat.S_ISREG(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o444)
    assert not candidate_file(settings).exists()
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        rows = warehouse.execute("select run_id, complete_date::varchar, content_hash from ledger.publications")
        assert rows.fetchall() == [("run", "2024-01-31", publication.content_hash)]
        assert published_state_hash(warehouse) == known_state_hash(warehouse)
        assert content_hash(warehouse, "warehouse") == publication.content_hash


def test_a_reader_of_the_old_file_keeps_it_while_the_new_one_is_put_in_place(settings):
    _publish(settings)
    with duckdb.connect(str(settings.published_file), read_only=True) as reader:
        _fill(settings, 10)
        _publish(settings)
        assert reader.execute("select count(*) from core.dim_customer").fetchall() == [(1000,)]
    assert _published(settings, "select count(*) from core.dim_customer") == [(10,)]


def test_the_last_versions_are_kept_and_no_more(settings):
    for rows in (1, 2, 3, 4, 5):
        _fill(settings, rows)
        _publish(settings)
    kept = sorted(settings.versions.glob("crm-*.duckdb"))
    counts = []
    for version in kept:
        with duckdb.connect(str(version), read_only=True) as connection:
            counts += connection.execute("select count(*) from core.dim_customer").fetchone()
    assert counts == [3, 4, 5]


def test_a_stray_log_is_moved_aside_before_the_new_file_is_in_place(settings):
    _publish(settings)
    stray = settings.published_file.with_name("crm.duckdb.wal")
    stray.write_bytes(b"what somebody wrote into yesterday's file")
    publication = _publish(settings)
    assert not stray.exists()
    assert publication.stray_log is not None
    assert publication.stray_log.read_bytes() == b"what somebody wrote into yesterday's file"
    assert _published(settings, "select count(*) from core.dim_customer") == [(1000,)]


_BUILD = """
import resource, sys
from pathlib import Path
from pipelines.errors import PublishError
from pipelines.publish import build_candidate
from pipelines.settings import Settings
home = Path(sys.argv[1])
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    build_candidate(Settings(home, home / "sources.yml", "1GB", 2, 3))
except PublishError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def _build_in_a_process(settings: Settings, limit: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _BUILD, str(settings.home), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _assert_is_full(settings: Settings, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == ExitCode.PUBLISH_FAILED, done.stderr
    assert f"{settings.published}: the new file could not be written: the disk is full" in done.stdout
    assert "make room" in done.stdout
    assert "the published file stays what it was" in done.stdout
    assert list(settings.published.glob(".candidate*")) == []


def test_a_file_that_may_not_grow_is_a_full_disk_and_leaves_the_published_file(settings):
    _publish(settings)
    before = settings.published_file.read_bytes()
    _fill(settings, 100_000)
    _assert_is_full(settings, _build_in_a_process(settings, limit=1 << 20))
    assert settings.published_file.read_bytes() == before


@pytest.fixture
def small_disk(settings: Settings) -> Iterator[Path]:
    """The published folder on a disk of 3 MB."""
    settings.published.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(settings.published)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here, so there is no small disk to fill")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield settings.published
    subprocess.run(["umount", str(settings.published)], check=True)


def test_a_full_disk_leaves_the_published_file(settings, small_disk):
    _fill(settings, 10)
    _publish(settings)
    before = settings.published_file.read_bytes()
    _fill(settings, 200_000)
    _assert_is_full(settings, _build_in_a_process(settings))
    assert settings.published_file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said_and_leaves_the_published_file(settings, monkeypatch):
    _publish(settings)
    before = settings.published_file.read_bytes()
    _fill(settings, 10)
    build_candidate(settings)

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(PublishError, match="Permission denied") as caught:
        publish_candidate(settings, "run")
    assert "mend the folder's rights" in caught.value.remedy
    assert settings.published_file.read_bytes() == before
    assert not candidate_file(settings).exists()
