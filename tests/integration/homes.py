"""A home folder in a test, and the `crmdw` command called on it the way a person calls it: in a process of its own.

A preamble runs in that process before the command, to listen to its progress or to plant a fault.
"""

from __future__ import annotations

import csv
import io
import os
import pprint
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

from pipelines.publishing.dbt_project import MADE_OF

from .processes import run_program

PROJECT_ROOT = Path(__file__).resolve().parents[2]
ZONE = "Asia/Seoul"
CUSTOMERS, START, END = 60, "2024-01-01", "2024-01-31"
MOVER = "00001049"
"""The customer who moves house on 20 January, and buys before and after."""

UNTESTED = """
import pipelines.publishing.dbt_project
pipelines.publishing.dbt_project.BUILD += ["--exclude-resource-type", "test"]
"""
"""A preamble for a run whose content is then compared with content that dbt's tests have passed: half as dear."""

WITHOUT_DBT = """
import os, shutil
from pathlib import Path
import pipelines.commands.run_job
from pipelines.definitions import defs
from pipelines.orchestration.asset_keys import LEDGER
left_out = {*LEDGER, *next(asset.keys for asset in defs.assets if asset.node_def.name == "models")}
all_to_run = pipelines.commands.run_job.assets_to_run
pipelines.commands.run_job.assets_to_run = lambda *given: all_to_run(*given) - left_out
folder = Path(os.environ["CRMDW_HOME"]) / "published"
if not (folder / ".candidate.duckdb").exists():
    shutil.copyfile(folder / "crm.duckdb", folder / ".candidate.duckdb")
"""
"""A preamble for a command that builds nothing: what it publishes seems to have been built before."""

COMMAND = "\nfrom pipelines.commands.main import main\nmain()\n"
"""The program that `crmdw` is."""


@dataclass(frozen=True)
class CommandHome:
    """One home folder."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.folder / "published" / "crm.duckdb"

    @property
    def sources_file(self) -> Path:
        return self.folder / "sources.yml"

    def environment(self, **more: str) -> dict[str, str]:
        """What a process needs to work on this home, free of what `make` or another test has set."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("CRMDW_", "DBT_", "DAGSTER_"))}
        return {
            **own,
            "CRMDW_HOME": str(self.folder),
            "COLUMNS": "200",
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            **more,
        }

    def crmdw(self, *arguments: str, preamble: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, after `preamble` in the same process."""
        return self.python(preamble + COMMAND, *arguments, **environment)

    def succeed(self, *arguments: str, preamble: str = "", **environment: str) -> str:
        """The same for a command that must end with exit code 0; what it printed."""
        done = self.crmdw(*arguments, preamble=preamble, **environment)
        assert done.returncode == 0, f"crmdw {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def python(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program that finds this home."""
        return run_program(program, arguments, self.folder.parent, self.environment(**environment))

    def copied_to(self, folder: Path) -> CommandHome:
        """A copy of the home, with modes and times as they are."""
        subprocess.run(["cp", "-a", str(self.folder), str(folder)], check=True)
        copy = CommandHome(folder)
        if (self.folder / "dbt").exists():
            keep_parsed(self, copy)
        return copy

    @property
    def candidate(self) -> Path:
        return self.published.with_name(".candidate.duckdb")

    def ask(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        return _rows(self.warehouse, query, parameters)

    def ask_published(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the published file."""
        return _rows(self.published, query, parameters)

    def ask_both(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the published file, beside which the query has the warehouse as `warehouse`."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            connection.execute(f"attach '{self.warehouse}' as warehouse (read_only)")
            return connection.execute(query, parameters or []).fetchall()

    def published_state(self) -> tuple[bytes, int, int]:
        """Bytes, time and inode of the published file: equal before and after, nobody has touched it."""
        status = self.published.stat()
        return self.published.read_bytes(), status.st_mtime_ns, status.st_ino

    def content_hash(self) -> str:
        """The hash that the last publication recorded."""
        query = "select content_hash from ledger.publications order by published_at desc limit 1"
        return str(self.ask(query)[0][0])

    def inbox_file(self, name: str) -> Path:
        """A delivered file, such as `branch/transactions_20240115.csv`."""
        return self.folder / "inbox" / name

    def end_never(self, feed: str) -> None:
        """Have the sources file expect `feed` for ever: a delivery after the last simulated day is then overdue."""
        lines = self.sources_file.read_text(encoding="utf-8").splitlines(keepends=True)
        start = lines.index(f"- feed: {feed}\n")
        until = next(number for number in range(start, len(lines)) if lines[number].startswith("  until:"))
        del lines[until]
        self.sources_file.write_text("".join(lines), encoding="utf-8")


def dbt_target(home: CommandHome, zone: str) -> Path:
    """Where dbt writes; zone and currency are read while parsing, so each other zone parses for itself."""
    return home.folder / "dbt" / ("" if zone == ZONE else zone.replace("/", "-"))


def dbt(home: CommandHome, *arguments: str, zone: str = ZONE) -> subprocess.CompletedProcess[str]:
    """One command of dbt on a home, as a process of its own; it adds to what is published, or was built before."""
    home.published.parent.mkdir(exist_ok=True)
    if home.published.exists() and not home.candidate.exists():
        shutil.copyfile(home.published, home.candidate)
    flags = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    return subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), *arguments, *flags],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.folder,
        env=home.environment(
            CRMDW_TIME_ZONE=zone,
            CRMDW_CURRENCY="KRW",
            DBT_TARGET_PATH=str(dbt_target(home, zone)),
            DBT_LOG_PATH=str(home.folder / "dbt" / "logs"),
        ),
    )


def _rows(file: Path, query: str, parameters: list[Any] | None) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query, parameters or []).fetchall()


def simulated(folder: Path) -> CommandHome:
    """A fresh home with one simulated month, in which three rows are dirty in known ways and MOVER moves house.

    Nothing is loaded yet.
    """
    home = CommandHome(folder)
    home.succeed("simulate", "--customers", str(CUSTOMERS), "--start", START, "--end", END)
    transactions = home.inbox_file("branch/transactions_20240115.csv")
    lines = transactions.read_bytes().splitlines(keepends=True)
    # One row twice, and one that was cut off.
    transactions.write_bytes(b"".join([*lines, lines[-1], b"T20240115-009999,0000\n"]))
    customers = home.inbox_file("branch/customers_20240101.csv")
    text = customers.read_bytes().decode("cp949")
    head, first, *rest = text.splitlines(keepends=True)
    birth_date = first.split(",")[head.split(",").index("생년월일")]
    assert birth_date, "the first customer has a birth date"
    customers.write_bytes("".join([head, first.replace(birth_date, "19991399"), *rest]).encode("cp949"))
    with home.inbox_file("branch/customers_20240120.csv").open("ab") as file:
        file.write(moved(home, "00001010"))
    return home


def moved(home: CommandHome, neighbour: str) -> bytes:
    """The line of MOVER in the customers' file of the first day, with a new home in the house of another customer."""
    lines = home.inbox_file("branch/customers_20240101.csv").read_bytes().decode("cp949").splitlines()
    rows = {row[0]: row for row in csv.reader(lines)}
    mover = dict(zip(rows["고객번호"], rows[MOVER], strict=True))
    house = dict(zip(rows["고객번호"], rows[neighbour], strict=True))
    mover |= {"법정동코드": house["법정동코드"], "주소": re.sub(r"\d+호$", "2901호", house["주소"])}
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(mover.values())
    return written.getvalue().encode("cp949")


def deliver_late(home: CommandHome, day: str) -> None:
    """A file of its own for a day that was delivered long ago, in which MOVER lives somewhere else."""
    content = yaml.safe_load(home.sources_file.read_text(encoding="utf-8"))
    (customers,) = (entry for entry in content["sources"] if entry["feed"] == "branch__customers")
    late = {**customers, "path": "inbox/branch/corrections_{date:%Y%m%d}_{part}.csv"}
    late["delivery"] = {"cadence": "on_change", "due": "04:30", "required": False}
    content["sources"].append(late)
    home.sources_file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    header, *_ = home.inbox_file("branch/customers_20240101.csv").read_bytes().splitlines(keepends=True)
    home.inbox_file(f"branch/corrections_{day}_late.csv").write_bytes(header + moved(home, "00001043"))


def copied_inbox(home: CommandHome, folder: Path, parsed: CommandHome) -> CommandHome:
    """A fresh home with the same sources file and an empty inbox, for which dbt has parsed the project in `parsed`."""
    folder.mkdir(mode=0o700)
    shutil.copy2(home.sources_file, folder)
    copy = CommandHome(folder)
    keep_parsed(parsed, copy)
    return copy


def keep_parsed(parsed: CommandHome, copy: CommandHome) -> None:
    """What dbt has parsed in one home, as if it had been parsed in the copy: parsing takes five processor seconds.

    dbt parses a project anew where the hash of its connection differs, in which the home's path is.
    """
    folder = copy.folder / "dbt"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("manifest.json", MADE_OF):
        shutil.copy2(parsed.folder / "dbt" / name, folder)
    content, own = (parsed.folder / "dbt" / "partial_parse.msgpack").read_bytes(), _connection_hash(parsed)
    assert content.count(own) == 1, "dbt hashes a connection in another way than before"
    (folder / "partial_parse.msgpack").write_bytes(content.replace(own, _connection_hash(copy)))


def _connection_hash(home: CommandHome) -> bytes:
    """As `ManifestLoader.build_manifest_state_check` of dbt makes it."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials  # noqa: PLC0415 (a second, for those who copy homes)
    from dbt.artifacts.resources import FileHash  # noqa: PLC0415

    given = {"CRMDW_HOME": str(home.folder)}
    text = jinja2.Template((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8")).render(env_var=given.get)
    output = yaml.safe_load(text)["crm_warehouse"]["outputs"]["warehouse"]
    output = {name: value for name, value in output.items() if name not in ("type", "threads")}
    credentials = DuckDBCredentials.from_dict(output)
    return FileHash.from_contents(pprint.pformat(sorted(credentials.connection_info()))).checksum.encode()
