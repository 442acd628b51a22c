"""A web server of this project: on 127.0.0.1, one port, behind the guard."""

import socket
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from pipelines.errors import UsageError
from pipelines.web.guard import Rule, guarded

ADDRESS = "127.0.0.1"
_SECONDS_TO_FINISH = 10
"""How long an answer under way may take once the server is to end."""


def bind(port: int) -> socket.socket:
    """A socket that holds `port`, and does not listen yet; port 0 takes a free one.

    Raises UsageError where the port is taken, or may not be had.
    """
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((ADDRESS, port))
    except (OSError, OverflowError) as error:
        taken.close()
        why = f"port {port} of {ADDRESS} is not to be had: {getattr(error, 'strerror', None) or error}"
        raise UsageError(why, "give another with --port, or end what listens there") from error
    return taken


def port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


def guarded_server(
    app: ASGIApp, bound: socket.socket, *, proxy: str | None = None, rule: Rule | None = None
) -> uvicorn.Server:
    """A server of `app` behind the guard; `.run(sockets=[bound])` serves until a signal comes."""
    behind_guard = guarded(app, port_of(bound), proxy=proxy, rule=rule)
    return uvicorn.Server(
        uvicorn.Config(behind_guard, log_level="warning", timeout_graceful_shutdown=_SECONDS_TO_FINISH)
    )


def checked_proxy(address: str) -> str:
    """The address of a proxy without the slash at its end; raises UsageError where it is none."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise UsageError(f"--proxy {address} is no address of pages", "give one such as https://www.example.org/crm")
    return address.rstrip("/")
