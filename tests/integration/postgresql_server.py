"""A real PostgreSQL server for tests, from the system's packages: on loopback, in a folder of its own, ended by pid."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "crm", "geheim%pass"
_ESCAPED_PASSWORD = "geheim%25pass"
_STARTING_SECONDS = 30


def _programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps them off the path, one folder a version."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


def _as_owner() -> list[str]:
    """What a command begins with so that it does not run as root, which the server refuses."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


@dataclass
class Server:
    """A server that listens on `port`; `stop` and `start` let a test see it gone and back."""

    programs: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"postgresql://{USER}:{_ESCAPED_PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        program = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-h", "127.0.0.1"]
        program += ["-p", str(self.port), "-k", "", "-c", "fsync=off", "-c", "TimeZone=America/New_York"]
        with (self.folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen([*_as_owner(), *program], stdout=log, stderr=log, cwd=self.folder)
        last = time.monotonic() + _STARTING_SECONDS
        while True:
            try:
                self.execute("select 1")
                return
            except Exception:
                if time.monotonic() > last or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.process = None

    @contextmanager
    def connected(self, autocommit: bool = True) -> Iterator[Any]:
        """A connection of somebody else: the application that writes the tables."""
        import adbc_driver_postgresql.dbapi as postgresql  # noqa: PLC0415

        with postgresql.connect(self.uri, autocommit=autocommit) as connection:
            yield connection

    def execute(self, *statements: str) -> None:
        with self.connected() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that runs as long as the tests; skipped where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="crmdw-postgresql-") as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        program = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(password)]
        program += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*_as_owner(), *program], check=True, cwd=folder, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running = Server(programs, folder, port)
        running.start()
        try:
            yield running
        finally:
            running.stop()
