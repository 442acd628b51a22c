"""The candidate, its audit, and the rename: each step alone, on a candidate of two tables."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.connections import connected, literal
from pipelines.errors import ExitCode, PublishError
from pipelines.ledger.basis_hash import known_basis_hash, published_basis_hash
from pipelines.ledger.tables import create_tables
from pipelines.publishing import publication as publish
from pipelines.publishing.content_hash import content_hash
from pipelines.publishing.publication import (
    audit_candidate,
    begin_candidate,
    candidate_file,
    close_candidate,
    publish_candidate,
)
from pipelines.settings import Settings

_TABLES = """
create schema core;
create schema marts;
create table core.dim_customer (customer_id varchar primary key, region varchar not null);
insert into core.dim_customer select md5(number::varchar), 'Seoul' from range({rows}) as numbers (number);
create table marts.mart_rfm as select customer_id, 5 as recency_score from core.dim_customer;
"""


@pytest.fixture
def settings(home) -> Settings:
    with connected(home.settings, home.settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute("insert into ledger.company values ('Asia/Seoul', 'KRW', '2024-01-31', '2024-02-01')")
    return home.settings


def _build(settings: Settings, rows: int) -> None:
    """What dbt does: it leaves a log beside the candidate."""
    begin_candidate(settings)
    with duckdb.connect(str(candidate_file(settings))) as candidate:
        candidate.execute("pragma disable_checkpoint_on_shutdown")
        candidate.execute("set checkpoint_threshold = '1GB'")
        candidate.execute(_TABLES.format(rows=rows))
    assert _log(settings).exists()


def _log(settings: Settings) -> Path:
    return candidate_file(settings).with_name(".candidate.duckdb.wal")


def _published(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.published_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _publish(settings: Settings, rows: int = 1000) -> publish.Publication:
    _build(settings, rows)
    close_candidate(settings)
    return publish_candidate(settings, "run")


def test_a_closed_candidate_is_one_file_without_a_log(settings):
    _build(settings, 1000)
    assert stat.S_IMODE(candidate_file(settings).stat().st_mode) == 0o600
    assert close_candidate(settings) == {"core.dim_customer": 1000, "marts.mart_rfm": 1000}
    assert not _log(settings).exists()


def test_an_old_candidate_of_an_interrupted_run_is_replaced(settings):
    settings.published.mkdir()
    candidate_file(settings).write_bytes(b"half of a file")
    _log(settings).write_bytes(b"its log")
    _build(settings, 1000)
    assert close_candidate(settings)["core.dim_customer"] == 1000


def test_models_that_are_built_alone_come_beside_what_is_published(settings):
    _publish(settings)
    begin_candidate(settings, onto_published=True)
    with duckdb.connect(str(candidate_file(settings))) as candidate:
        candidate.execute("create or replace table marts.mart_rfm as select 1 as recency_score")
    assert close_candidate(settings) == {"core.dim_customer": 1000, "marts.mart_rfm": 1}
    assert _published(settings, "select count(*) from marts.mart_rfm") == [(1000,)]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("create view marts.a_view as select 1 as one", "marts.a_view is no table that is published"),
        (
            "create schema staging; create table staging.private as select '홍길동' as customer_name",
            "staging.private is no table that is published",
        ),
    ],
)
def test_a_candidate_with_what_is_not_published_fails_its_audit(settings, monkeypatch, statement, fault):
    monkeypatch.setattr(publish, "audited_tables", list)
    _build(settings, 1000)
    assert [verdict.faults for verdict in audit_candidate(settings)] == [[]]
    with duckdb.connect(str(candidate_file(settings))) as candidate:
        candidate.execute(statement)
    assert [verdict.faults for verdict in audit_candidate(settings)] == [[fault]]


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
        assert published_basis_hash(warehouse) == known_basis_hash(warehouse)
        warehouse.execute(f"attach {literal(settings.published_file)} as published (read_only)")
        assert content_hash(warehouse, "published") == publication.content_hash


def test_a_reader_of_the_old_file_keeps_it_while_the_new_one_is_put_in_place(settings):
    _publish(settings)
    with duckdb.connect(str(settings.published_file), read_only=True) as reader:
        _publish(settings, 10)
        assert reader.execute("select count(*) from core.dim_customer").fetchall() == [(1000,)]
    assert _published(settings, "select count(*) from core.dim_customer") == [(10,)]


def test_the_last_versions_are_kept_and_no_more(settings):
    for rows in (1, 2, 3, 4, 5):
        _publish(settings, rows)
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


_CLOSE = """
import resource, sys
from pathlib import Path
from pipelines.errors import PublishError
from pipelines.publishing.publication import close_candidate
from pipelines.settings import Settings
home = Path(sys.argv[1])
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    close_candidate(Settings(home, home / "sources.yml", "1GB", 2, 3))
except PublishError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def _assert_is_full(settings: Settings, limit: int = 0) -> None:
    """The candidate cannot be closed, by a process that may write `limit` bytes to a file."""
    command = [sys.executable, "-c", _CLOSE, str(settings.home), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.PUBLISH_FAILED, done.stderr
    assert f"{settings.published}: the new file could not be written: the disk is full" in done.stdout
    assert "make room" in done.stdout
    assert "the published file stays what it was" in done.stdout
    assert list(settings.published.glob(".candidate*")) == []


def test_a_file_that_may_not_grow_is_a_full_disk_and_leaves_the_published_file(settings):
    _publish(settings)
    before = settings.published_file.read_bytes()
    _build(settings, 100_000)
    _assert_is_full(settings, limit=1 << 20)
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
    _publish(settings, 10)
    before = settings.published_file.read_bytes()
    _build(settings, 20_000)
    _assert_is_full(settings)
    assert settings.published_file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said_and_leaves_the_published_file(settings, monkeypatch):
    _publish(settings)
    before = settings.published_file.read_bytes()
    _build(settings, 10)
    close_candidate(settings)

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(PublishError, match="Permission denied") as caught:
        publish_candidate(settings, "run")
    assert "mend the folder's rights" in caught.value.remedy
    assert settings.published_file.read_bytes() == before
    assert not candidate_file(settings).exists()
