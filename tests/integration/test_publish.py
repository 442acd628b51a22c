"""The published file: untouched by whatever fails, never in a reader's way, and free of personal data."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts import feeds
from pipelines.publishing.schemas import published_schemas

from .homes import UNTESTED, WITHOUT_DBT, CommandHome

REFUSED_DAY = "branch/transactions_20240120.csv"
RELOADED_DAY = "branch/transactions_20240121.csv"


@pytest.fixture(scope="module")
def refused(
    built: CommandHome, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CommandHome, subprocess.CompletedProcess, tuple]:
    """A home in which one day's transactions were delivered again as something else, and another day's once more."""
    home = built.copied_to(tmp_path_factory.mktemp("refused") / "home")
    before = home.published_state()
    (home.folder / "good.csv").write_bytes(home.inbox_file(REFUSED_DAY).read_bytes())
    home.inbox_file(REFUSED_DAY).write_bytes(b"\x89PNG;what;is;this\n1;2;3;4\n")
    again = home.inbox_file(RELOADED_DAY)
    again.write_bytes(again.read_bytes() + again.read_bytes().splitlines(keepends=True)[-1])
    return home, home.crmdw("run"), before


def test_a_refused_required_file_ends_with_3_and_names_the_file_the_cause_and_the_remedy(refused):
    _, done, _ = refused
    assert done.returncode == 3, done.stderr
    assert "transactions_20240120.csv" in done.stderr
    assert "거래번호" in done.stderr, "the columns that are missing are named"
    assert "Remedy: deliver or mend these files and run again" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_file_leaves_the_published_file_untouched(refused):
    home, _, before = refused
    assert home.published_state() == before


def test_the_others_are_loaded_when_one_file_is_refused(refused):
    home, _, _ = refused
    rows = home.ask(
        "select delivery_date::varchar, verdict, rows_duplicate from ledger.loads "
        "where feed = 'branch__transactions' and is_current and (verdict = 'refused' or rows_duplicate > 0) "
        "order by all"
    )
    assert rows == [("2024-01-15", "loaded", 1), ("2024-01-20", "refused", 0), ("2024-01-21", "loaded", 1)]


@dataclass(frozen=True)
class Republished:
    """A home that was published again while somebody read: the reader's answers, and the log left beside the file."""

    home: CommandHome
    answers: list[str]
    reader_errors: str
    printed: str


_READER = """
import sys, time, duckdb
from pathlib import Path
file, stop = sys.argv[1], Path(sys.argv[2])
last = None
while True:
    ends = stop.exists()
    with duckdb.connect(file, read_only=True) as connection:
        found = connection.execute(
            "select trust_label from marts.mart_data_trust where feed = 'call_center__calls'"
        ).fetchone()[0]
        customers = connection.execute("select count(*) from core.dim_customer").fetchone()[0]
    answer = f"{found}/{customers}"
    if answer != last:
        print(answer, flush=True)
        last = answer
    if ends:
        break
    # A reader that never rests would take the run's processor.
    time.sleep(0.02)
"""

_LEAVE_A_LOG = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("create table main.scribble as select 1 as one")
os._exit(1)
"""


@pytest.fixture(scope="module")
def republished(refused: tuple, tmp_path_factory: pytest.TempPathFactory) -> Republished:
    """The refused file is mended, calls become overdue, a client leaves its log, a reader reads; then it is run."""
    home = refused[0].copied_to(tmp_path_factory.mktemp("republished") / "home")
    home.inbox_file(REFUSED_DAY).write_bytes((home.folder / "good.csv").read_bytes())
    home.end_never("call_center__calls")
    opened = home.folder / "opened.duckdb"
    opened.write_bytes(home.published.read_bytes())
    subprocess.run([sys.executable, "-c", _LEAVE_A_LOG, str(opened)], check=False)
    opened.with_name("opened.duckdb.wal").rename(home.published.with_name("crm.duckdb.wal"))
    stop = home.folder / "stop"
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(home.published), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        done = home.crmdw("run", "--today", "2024-02-03", preamble=UNTESTED)
        stop.touch()
        answers, reader_errors = reader.communicate(timeout=60)
    assert done.returncode == 0, done.stderr
    return Republished(home, answers.split("\n")[:-1], reader_errors, done.stdout)


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_an_error(republished):
    assert republished.reader_errors == ""
    customers = republished.home.ask_published("select count(*) from core.dim_customer")[0][0]
    assert republished.answers == [f"complete/{customers}", f"overdue deliveries/{customers}"]


def test_a_stray_log_is_moved_aside_and_changes_nothing(republished):
    folder = republished.home.published.parent
    assert not (folder / "crm.duckdb.wal").exists()
    assert len(list((folder / "versions").glob("crm.duckdb.wal.stray-*"))) == 1
    assert republished.home.ask_published("from duckdb_tables() where table_name = 'scribble'") == []


def test_an_overdue_optional_feed_is_published_and_said_so(republished):
    rows = republished.home.ask_published(
        "select trust_label, overdue_delivery_count from marts.mart_data_trust where feed = 'call_center__calls'"
    )
    assert rows == [("overdue deliveries", 2)]


def test_a_mended_file_gives_the_tables_it_would_have_given_at_once(built, republished):
    for table in ("core.fct_transaction", "marts.mart_rfm", "marts.mart_lifetime_value"):
        query = f"select * from {table} order by all"
        assert republished.home.ask_published(query) == built.ask_published(query), table


def test_a_failed_audit_ends_with_6_names_the_rule_and_leaves_the_published_file(copy):
    before = copy.published_state()
    preamble = f"""{WITHOUT_DBT}
import duckdb, pipelines.orchestration.publish_assets
from pipelines.publishing.publication import candidate_file, close_candidate
def spoilt(settings):
    rows = close_candidate(settings)
    with duckdb.connect(str(candidate_file(settings))) as connection:
        connection.execute("update marts.mart_rfm set recency_score = 9 where recency_score = 5")
        connection.execute("create view marts.a_view as select 1 as one")
        connection.execute("checkpoint")
    return rows
pipelines.orchestration.publish_assets.close_candidate = spoilt
"""
    done = copy.crmdw("publish", preamble=preamble)
    assert done.returncode == 6, done.stderr
    assert "marts__mart_rfm: recency_score is 1 to 5" in done.stderr
    assert "published_tables_alone: marts.a_view is no table that is published" in done.stderr
    assert "the published file stays what it was" in done.stderr
    assert "Traceback" not in done.stderr
    assert copy.published_state() == before
    assert copy.ask("select count(*) from ledger.publications") == [(1,)]


# What `publish` builds: these models and their tests alone.
_BUILD = """
import pipelines.commands.run_job
from pipelines.definitions import defs
names = {names}
models = next(asset.keys for asset in defs.assets if asset.node_def.name == "models")
others = {{key for key in models if key.path[-1] not in names}}
assert len(models - others) == len(names)
all_to_run = pipelines.commands.run_job.assets_to_run
pipelines.commands.run_job.assets_to_run = lambda *given: all_to_run(*given) - others
"""
_BUILD_HOLDERS = _BUILD.format(names=["stg_branch__contract_holders", "bridge_contract_customer"])
_BUILD_SCORES = _BUILD.format(names=["mart_rfm"])


def test_a_broken_contract_ends_with_5_names_column_and_rows_and_leaves_the_published_file(copy):
    before = copy.published_state()
    with duckdb.connect(str(copy.warehouse)) as warehouse:
        spoil = "update raw.branch__contract_holders set holder_role = 'friend' where holder_role = 'insured'"
        ((spoilt,),) = warehouse.execute(spoil).fetchall()
    assert spoilt > 1
    done = copy.crmdw("publish", preamble=_BUILD_HOLDERS)
    assert done.returncode == 5, done.stderr
    rule = f"{spoilt} rows break the rule: holder_role in ('holder', "
    assert f"bridge_contract_customer: {rule}" in done.stderr
    assert re.search(r", for example contract_holder_id \w{32} and \w{32}", done.stderr)
    assert "the published file stays what it was" in done.stderr
    assert "Traceback" not in done.stderr
    assert copy.published_state() == before


_ONE_MART = """
from dagster import AssetKey, DagsterInstance
from pipelines.orchestration.asset_keys import CANDIDATE, PUBLISHED
from pipelines.definitions import defs
with DagsterInstance.get() as instance:
    result = defs.resolve_job_def("warehouse").execute_in_process(
        instance=instance, asset_selection=[AssetKey(["marts", "mart_rfm"]), CANDIDATE, PUBLISHED]
    )
    assert result.success
"""


def test_one_mart_that_is_built_alone_is_published_beside_all_others(copy):
    before, was = copy.content_hash(), copy.published_state()
    done = copy.python(_ONE_MART, DAGSTER_HOME=str(copy.folder / "dagster"))
    assert done.returncode == 0, done.stderr
    assert copy.content_hash() == before
    assert copy.published_state() != was


# A file may have no more bytes than dbt's manifest needs: what dbt has built stays in the candidate's log.
_FILL_THE_DISK = """
import resource
import pipelines.orchestration.publish_assets
from dagster_dbt import DbtCliResource
def limited(act):
    def acting(*arguments, **options):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
        try:
            return act(*arguments, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return acting
DbtCliResource.cli = limited(DbtCliResource.cli)
pipelines.orchestration.publish_assets.close_candidate = limited(pipelines.orchestration.publish_assets.close_candidate)
"""


def test_a_full_disk_while_the_new_file_is_written_ends_with_8_and_leaves_the_published_file(copy):
    before = copy.published_state()
    done = copy.crmdw("publish", preamble=_BUILD_SCORES + _FILL_THE_DISK)
    assert done.returncode == 8, done.stderr
    assert "the new file could not be written: the disk is full" in done.stderr
    assert "make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert copy.published_state() == before
    assert list(copy.published.parent.glob(".candidate*")) == []
    copy.succeed("publish", preamble=_BUILD_SCORES)


def test_the_published_file_is_a_real_read_only_file_of_tables_alone(built):
    status = built.published.lstat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o444
    version = built.published.read_bytes()[12:20]
    assert int.from_bytes(version, "little") == 67, "the storage version of DuckDB 1.4"
    assert built.ask_published("select view_name from duckdb_views() where not internal") == []
    tables = {name for (name,) in built.ask_published("select schema_name || '.' || table_name from duckdb_tables()")}
    assert {"core.dim_customer", "core.fct_transaction", "marts.mart_rfm", "marts.mart_data_trust"} <= tables
    assert {table.split(".")[0] for table in tables} == set(published_schemas())
    undocumented = "from duckdb_tables() where comment is null or comment = ''"
    assert built.ask_published(undocumented) == []
    assert built.ask_published("select has_primary_key from duckdb_tables() where table_name = 'dim_customer'") == [
        (True,)
    ]


def test_the_warehouse_is_for_its_owner_alone(built):
    assert stat.S_IMODE(built.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(built.warehouse.stat().st_mode) == 0o600
    assert stat.S_IMODE((built.folder / "archive").stat().st_mode) == 0o700


@pytest.fixture(scope="module")
def personal_values(built: CommandHome) -> set[str]:
    """Every name, phone, e-mail, address, personal key and birth date that was delivered, as it was and as digits."""
    values: set[str] = set()
    for feed in feeds().values():
        for column in feed.columns:
            if column.private:
                found = built.ask(
                    f"select distinct {column.name}::varchar from raw.{feed.name} where {column.name} is not null"
                )
                values |= {value for (value,) in found}
    held = [record for (record,) in built.ask("select record from quarantine.rows")]
    assert any("19991399" in record for record in held), "the quarantine keeps the row for its repair"
    values |= {"19991399"}
    phones = {re.sub(r"\D", "", value) for value in values if re.fullmatch(r"[\d\- +()]{9,}", value)}
    assert len(values) > 150
    return {value for value in values | phones if len(value) > 1}


def _published_texts(home: CommandHome) -> Iterator[tuple[str, str]]:
    columns = home.ask_published("select schema_name, table_name, column_name from duckdb_columns() where not internal")
    with duckdb.connect(str(home.published), read_only=True) as published:
        for schema, table, column in columns:
            texts = published.execute(f'select distinct "{column}"::varchar from {schema}.{table}').fetchall()
            for (value,) in texts:
                if value is not None:
                    yield f"{schema}.{table}.{column}", value


def test_the_published_file_holds_nobody_s_name_phone_mail_address_or_birth_date(built, personal_values):
    dates = {value for value in personal_values if re.fullmatch(r"\d{4}-\d\d-\d\d", value)}
    calendar = re.compile(r"^core\.dim_date\.|_date$|_at$|_id$|valid_from|valid_to")
    others = personal_values - dates
    found = [
        (where, value)
        for where, value in _published_texts(built)
        if value in others or (value[:10] in dates and not calendar.search(where))
    ]
    assert found == []


def test_no_published_column_is_about_the_person_behind_a_customer(built):
    forbidden = re.compile(
        r"birth_date|phone|e_?mail|\bmail\b|address|customer_name|recipient|person_key|site_key|\brecord\b|memo"
    )
    # Whether and why not a channel may be used: the channel e-mail, not an address.
    about_channels = re.compile(
        r"mart_contactability\.(is_contactable_email(_at_night)?|email_(night_)?reason_(code|label))$"
    )
    columns = built.ask_published("select schema_name || '.' || table_name || '.' || column_name from duckdb_columns()")
    names = [name for (name,) in columns if not about_channels.search(name)]
    assert [name for name in names if forbidden.search(name.split(".", 1)[1])] == []


def test_neither_logs_nor_gate_results_hold_personal_data(built, personal_values):
    telling = {value for value in personal_values if len(value) >= 8 and not re.fullmatch(r"\d{4}-\d\d-\d\d", value)}
    names = {value for (value,) in built.ask("select distinct customer_name from raw.branch__customers")}
    assert len(telling) > 100
    searched = 0
    for folder in ("dbt", "dagster"):
        for file in sorted(path for path in (built.folder / folder).rglob("*") if path.is_file()):
            content = file.read_bytes().decode("utf-8", "replace")
            searched += 1
            assert [value for value in telling | names if _written(value, content)] == [], file
    assert searched > 10
    results = "\n".join(str(row) for row in built.ask("from ledger.gate_results"))
    assert [value for value in telling | names if value in results] == []


def _written(value: str, content: str) -> bool:
    """Whether `content` holds `value`, also as JSON writes it."""
    escaped = value.encode("ascii", "backslashreplace").decode()
    return value in content or escaped in content


def test_every_publication_is_kept_as_a_version(built):
    versions: list[Path] = list((built.folder / "published" / "versions").glob("crm-*.duckdb"))
    assert [version.read_bytes() == built.published.read_bytes() for version in versions] == [True]
