"""Dagster's pages behind the guard, with its daemon beside them, in place of `dagster dev`, which guards nothing.

The web application runs in this process. The code server, which loads the project, and the daemon are processes of
their own, as Dagster has them.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
import yaml
from dagster import DagsterInstance
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget, WorkspaceLoadTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_MAX_OVERFLOW, DEFAULT_POOL_RECYCLE
from dagster_webserver.version import __version__

from pipelines.errors import WarehouseError
from pipelines.orchestration.code_location import LOCATION_NAME
from pipelines.settings import Settings
from pipelines.web.graphql_rule import queries_alone_by_get
from pipelines.web.server import guarded_server

_LOG_LEVEL = "warning"
_REFRESH_MILLISECONDS = 2000
"""How often the pages ask for what is new; Dagster's own default."""
_SECONDS_TO_END = 60


def serve(settings: Settings, bound: socket.socket, *, is_viewer: bool, proxy: str | None) -> None:
    """Serve the pages of a prepared home on `bound` until SIGINT or SIGTERM, and close all that was started.

    A viewer's pages refuse every change. It has no daemon, so that no schedule or sensor starts anything for it.
    `proxy` is the address, with its path, under which a proxy shows the pages. Raises WarehouseError where the daemon
    ends by itself.
    """
    os.chdir(settings.home)
    configure_loggers(log_level=_LOG_LEVEL.upper())
    setup_interrupt_handlers()
    code = ModuleTarget("pipelines.definitions", None, str(settings.home), LOCATION_NAME)
    try:
        with DagsterInstance.get() as instance:
            instance.optimize_for_webserver(
                DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
            )
            if is_viewer:
                with _pages(instance, code, bound, is_viewer, proxy) as server:
                    server.run(sockets=[bound])
                return
            with (
                _code_server(instance, code) as workspace,
                _daemon(workspace) as daemon,
                _pages(instance, WorkspaceFileTarget([str(workspace)]), bound, is_viewer, proxy) as server,
            ):
                threading.Thread(target=_end_with, args=(daemon, server), daemon=True).start()
                server.run(sockets=[bound])
                # After a signal, run() raises KeyboardInterrupt; it returns where the daemon has ended by itself.
                raise WarehouseError(
                    f"Dagster's daemon ended with exit code {daemon.wait()}, so the pages were closed",
                    "read what it said above, and start `crmdw ui` again",
                )
    except KeyboardInterrupt:
        return


@contextmanager
def _pages(
    instance: DagsterInstance, target: WorkspaceLoadTarget, bound: socket.socket, is_viewer: bool, proxy: str | None
) -> Iterator[uvicorn.Server]:
    """A server of Dagster's web application behind the guard, once the project is loaded."""
    with WorkspaceProcessContext(
        instance, target, version=__version__, read_only=is_viewer, code_server_log_level=_LOG_LEVEL
    ) as workspace:
        path = urlsplit(proxy or "").path
        app = create_app_from_workspace_process_context(workspace, path, _REFRESH_MILLISECONDS)
        yield guarded_server(app, bound, proxy=proxy, rule=queries_alone_by_get)


@contextmanager
def _code_server(instance: DagsterInstance, code: WorkspaceLoadTarget) -> Iterator[Path]:
    """A code server that the pages and the daemon share, by the workspace file that says where it listens."""
    with (
        ProxyServerManager(instance, code, code_server_log_level=_LOG_LEVEL) as servers,
        tempfile.TemporaryDirectory() as folder,
    ):
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(yaml.safe_dump({"load_from": servers.get_code_server_specs()}), encoding="utf-8")
        yield workspace


@contextmanager
def _daemon(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    levels = ["--log-level", _LOG_LEVEL, "--code-server-log-level", _LOG_LEVEL]
    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace), *levels]
    daemon = subprocess.Popen(command)
    try:
        yield daemon
    finally:
        daemon.terminate()
        try:
            daemon.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _end_with(daemon: subprocess.Popen[bytes], server: uvicorn.Server) -> None:
    """Wait for the daemon's end, and have the server end after it: without it nothing would start, unseen."""
    daemon.wait()
    server.should_exit = True
