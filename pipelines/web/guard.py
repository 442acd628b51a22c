"""The guard before every web server of the project: pages of other sites start, change and read nothing.

A server on 127.0.0.1 is reached by every page that its owner's browser shows, from whatever site it came. The guard
reads a request's headers and its query string alone, never its body. It needs one promise of the application behind
it: a GET changes nothing. An application that cannot give it hands over a rule of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Refusal:
    """An answer that is no page: its HTTP status, and the cause and remedy that it says in plain text."""

    status: int
    cause: str
    remedy: str


Rule = Callable[[Scope], Refusal | None]
"""What an application refuses beyond the guard's own rules, judged from the scope of an HTTP request."""


def guarded(app: ASGIApp, port: int, *, proxy: str | None = None, rule: Rule | None = None) -> ASGIApp:
    """`app`, which listens on `port` of this machine, behind the guard.

    `proxy` is the address under which a proxy shows the same pages, such as `https://www.example.org/crm`. The proxy
    hands the browser's Host on.
    """
    addresses = [f"http://{name}:{port}" for name in _LOOPBACK_NAMES] + ([proxy] if proxy else [])
    origins = {host: origin for address in addresses for host, origin in _origin_by_host(address).items()}

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        is_http = scope["type"] == "http"
        refusal = _foreign(scope, origins) or (is_http and (_unfit(scope) or (rule and rule(scope)))) or None
        if refusal:
            await (_answer(scope, send, refusal) if is_http else _close(send, refusal))
            return
        await app(scope, receive, _unframed(send) if is_http else send)

    return guard


def _origin_by_host(address: str) -> dict[str, str]:
    """Each Host header that a browser sends to `address`, with the Origin header of that address's own pages."""
    parts = urlsplit(address)
    name, default = parts.netloc.lower(), _DEFAULT_PORTS[parts.scheme]
    bare = name.removesuffix(f":{default}")
    if parts.port not in (None, default):
        return {name: f"{parts.scheme}://{name}"}
    # Browsers leave a scheme's own port out.
    return dict.fromkeys((bare, f"{bare}:{default}"), f"{parts.scheme}://{bare}")


def _foreign(scope: Scope, origins: dict[str, str]) -> Refusal | None:
    """Refuses what another site's page may have sent, or what came by another name than the server's own."""
    own_addresses = " or ".join(dict.fromkeys(origins.values()))
    hosts = _values(scope, b"host")
    # Another name that resolves to this machine makes the browser take another site's page for one of the server's.
    if len(hosts) != 1 or hosts[0].lower() not in origins:
        return Refusal(403, "The request's Host is not this server's.", f"open {own_addresses}")
    remedy = f"use the server's own pages, at {origins[hosts[0].lower()]}"
    sent_by = _values(scope, b"origin")
    if scope["type"] == "websocket" and not sent_by:
        return Refusal(403, "A WebSocket must name the page that opens it, by Origin.", remedy)
    if sent_by not in ([], [origins[hosts[0].lower()]]):
        return Refusal(403, "The request was sent by a page of another origin.", remedy)
    # An image, script or frame sends no Origin. A link that somebody follows may come from any page.
    if _values(scope, b"sec-fetch-site") not in ([], ["same-origin"], ["none"]) and not _is_followed_link(scope):
        return Refusal(403, "The request was sent by a page of another site.", remedy)
    return None


def _is_followed_link(scope: Scope) -> bool:
    is_navigation = _values(scope, b"sec-fetch-mode") == ["navigate"]
    is_whole_page = _values(scope, b"sec-fetch-dest") == ["document"]
    return scope["type"] == "http" and scope["method"] == "GET" and is_navigation and is_whole_page


def _unfit(scope: Scope) -> Refusal | None:
    """Refuses what a form of another site can send without asking first: a browser asks before it posts JSON."""
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return Refusal(405, "This server takes GET, HEAD and POST alone.", "ask by GET, or change something by POST")
    types = [value.partition(";")[0].strip().lower() for value in _values(scope, b"content-type")]
    if scope["method"] == "POST" and types != ["application/json"]:
        return Refusal(415, "A POST to this server brings JSON.", "send it with Content-Type: application/json")
    return None


def _values(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header, in order. A header that came twice is judged as two values, never by its first."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]


def _unframed(send: Send) -> Send:
    """A `send` whose answers no other site's page can show in a frame, to have somebody click into it unawares."""

    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return send_unframed


async def _answer(scope: Scope, send: Send, refusal: Refusal) -> None:
    body = f"{refusal.cause}\nRemedy: {refusal.remedy}\n".encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    if refusal.status == 405:
        headers.append((b"allow", b"GET, HEAD, POST"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _close(send: Send, refusal: Refusal) -> None:
    """Close a WebSocket before it is accepted: the browser gets status 403 in place of a connection."""
    message: dict[str, Any] = {"type": "websocket.close", "code": 1008, "reason": refusal.cause}
    await send(message)
