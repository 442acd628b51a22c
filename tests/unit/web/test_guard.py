"""The guard before every web server: each way in that another site's page has is shut, and the own pages' are open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from pipelines.errors import UsageError
from pipelines.web.graphql_rule import queries_alone_by_get
from pipelines.web.guard import guarded
from pipelines.web.server import bind, checked_proxy, guarded_server, port_of

PORT = 3000
OWN_HOST = ("host", "127.0.0.1:3000")
OWN = ("origin", "http://127.0.0.1:3000")
FOREIGN = ("origin", "http://127.0.0.1:4000")
JSON = ("content-type", "application/json")
MUTATION = "mutation { deleteRun(runId: 1) { __typename } }"

Header = tuple[str, str]


@dataclass
class Server:
    """An application behind the guard, which says what it was asked and what the browser got."""

    proxy: str | None = None
    reached: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, scope: dict[str, Any]) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.reached.append(scope["type"])
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"a page"})
            elif scope["type"] == "websocket":
                await send({"type": "websocket.accept"})

        async def receive() -> dict[str, Any]:
            raise AssertionError("the guard reads no body")

        async def send(message: Any) -> None:
            self.sent.append(message)

        guard = guarded(app, PORT, proxy=self.proxy, rule=queries_alone_by_get)
        asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]

    def http(self, *headers: Header, method: str = "GET", path: str = "/", query: str = "") -> int:
        """The status that a request gets."""
        self.ask(_scope("http", headers, path) | {"method": method, "query_string": query.encode()})
        return int(self.sent[0]["status"])

    def websocket(self, *headers: Header) -> str:
        """What the server does first."""
        self.ask(_scope("websocket", headers, "/graphql"))
        return str(self.sent[0]["type"])


def _scope(kind: str, headers: tuple[Header, ...], path: str) -> dict[str, Any]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": kind, "path": path, "query_string": b"", "headers": raw}


def _fetched_by(site: str, mode: str, destination: str) -> tuple[Header, ...]:
    return ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", destination)


@pytest.fixture
def server():
    return Server()


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LocalHost:3000", "[::1]:3000"])
def test_this_machine_s_own_names_are_let_through(server, host):
    assert server.http(("host", host)) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example:3000"],
        ["evil.example"],
        ["127.0.0.1.evil.example:3000"],
        ["localhost.:3000"],
        ["127.0.0.1:4000"],
        ["127.0.0.1"],
        ["0.0.0.0:3000"],
        ["127.1:3000"],
        ["user@127.0.0.1:3000"],
        [""],
        [],
        ["127.0.0.1:3000", "evil.example:3000"],
        ["127.0.0.1:3000", "127.0.0.1:3000"],
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_name_that_another_site_had_resolve_to_this_machine_is_refused(server, hosts, kind):
    headers = [("host", host) for host in hosts]
    if kind == "http":
        assert server.http(*headers) == 403
    else:
        assert server.websocket(*headers, OWN) == "websocket.close"
    assert server.reached == []


def test_the_own_pages_may_ask_and_change(server):
    own = _fetched_by("same-origin", "cors", "empty")
    assert server.http(OWN_HOST, OWN, JSON, *own, method="POST", path="/graphql") == 200
    assert Server().http(OWN_HOST, OWN, ("content-type", "Application/JSON; charset=utf-8"), method="POST") == 200
    assert Server().http(OWN_HOST, *_fetched_by("same-origin", "no-cors", "script"), path="/static/main.js") == 200
    assert Server().http(OWN_HOST, *_fetched_by("none", "navigate", "document")) == 200
    assert Server().http(OWN_HOST, *_fetched_by("same-origin", "navigate", "iframe"), path="/notebook") == 200
    assert Server().http(OWN_HOST, method="HEAD") == 200


def test_a_program_without_a_browser_may_ask_and_change(server):
    assert server.http(OWN_HOST, JSON, method="POST", path="/graphql") == 200


def test_a_link_that_somebody_follows_from_another_site_opens_the_page(server):
    assert server.http(OWN_HOST, *_fetched_by("cross-site", "navigate", "document"), path="/runs") == 200


@pytest.mark.parametrize(
    "origins",
    [
        ["http://127.0.0.1:4000"],
        ["https://evil.example"],
        ["null"],
        [""],
        ["https://127.0.0.1:3000"],
        ["http://127.0.0.1"],
        ["http://localhost:3000"],  # another origin than that which the request asks
        ["http://127.0.0.1:3000.evil.example"],
        ["http://127.0.0.1:3000", "https://evil.example"],
    ],
)
def test_a_page_of_another_origin_is_refused(server, origins):
    headers = [("origin", origin) for origin in origins]
    assert server.http(OWN_HOST, JSON, *headers, method="POST", path="/graphql") == 403
    assert Server().http(OWN_HOST, *headers) == 403
    refused = Server()
    assert refused.websocket(OWN_HOST, *headers) == "websocket.close"
    assert server.reached == refused.reached == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything"])
@pytest.mark.parametrize(
    ("mode", "destination"),
    [("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe"), ("navigate", "embed")],
)
def test_what_another_site_s_page_shows_within_itself_is_refused(server, site, mode, destination):
    assert server.http(OWN_HOST, *_fetched_by(site, mode, destination)) == 403
    assert server.reached == []


def test_a_form_that_another_site_sends_is_no_link(server):
    headers = (OWN_HOST, JSON, *_fetched_by("cross-site", "navigate", "document"))
    assert server.http(*headers, method="POST") == 403


@pytest.mark.parametrize(
    "types",
    [
        ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=b"],
        ["text/plain"],
        ["text/plain; application/json"],
        ["text/plain; charset=application/json"],
        ["application/graphql"],
        ["application/json, text/plain"],
        ["application/jsonp"],
        [""],
        [],
        ["application/json", "text/plain"],
    ],
)
@pytest.mark.parametrize(
    "path", ["/graphql", "/report_asset_materialization/branch/transactions", "/report_asset_check/a"]
)
def test_a_post_of_anything_but_json_is_refused(server, types, path):
    headers = [("content-type", value) for value in types]
    assert server.http(OWN_HOST, OWN, *headers, method="POST", path=path, query=urlencode({"query": MUTATION})) == 415
    assert server.reached == []


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "get", "QUERY"])
def test_no_other_method_is_taken(server, method):
    assert server.http(OWN_HOST, JSON, method=method) == 405
    assert server.reached == []
    assert (b"allow", b"GET, HEAD, POST") in server.sent[0]["headers"]


@pytest.mark.parametrize(
    "query",
    [
        urlencode({"query": "{ version }"}),
        urlencode(
            {"query": "query a { version } query b { ...f } fragment f on Query { version }", "operationName": "a"}
        ),
        urlencode({"query": '{ run(id: "mutation { x }") { id } } # mutation { x }'}),
        urlencode({"other": MUTATION}),
        "",
    ],
)
def test_a_query_by_address_is_let_through(server, query):
    assert server.http(OWN_HOST, path="/graphql", query=query) == 200


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/crm/graphql"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        (urlencode({"query": MUTATION}), 405),
        ("query=" + "".join(f"%{byte:02x}" for byte in MUTATION.encode()), 405),
        (urlencode({"query": "\ufeff # a query\n, mutation{x}"}), 405),
        (urlencode({"query": "subscription { x }"}), 405),
        (urlencode({"query": "query a { x } mutation b { y }", "operationName": "b"}), 405),
        (urlencode({"query": "query a { x } mutation b { y }", "operationName": "a"}), 405),
        (urlencode({"query": "{ x }"}) + "&" + urlencode({"query": MUTATION}), 405),
        (urlencode({"query": MUTATION}) + "&" + urlencode({"query": "{ x }"}), 405),
        ("%71uery=" + quote(MUTATION), 405),
        (urlencode({"query": "type Query { x: Int }"}), 405),
        (urlencode({"query": "mutation {"}), 400),
        (urlencode({"query": ""}), 400),
        (urlencode({"query": "{a" * 20_000}), 400),
    ],
)
def test_a_change_by_address_is_refused(server, path, method, query, status):
    assert server.http(OWN_HOST, OWN, method=method, path=path, query=query) == status
    assert server.reached == []


def test_a_websocket_opens_from_the_own_pages_alone(server):
    assert server.websocket(OWN_HOST, OWN) == "websocket.accept"
    without_origin = Server()
    assert without_origin.websocket(OWN_HOST) == "websocket.close"
    other = Server()
    assert other.websocket(OWN_HOST, FOREIGN) == "websocket.close"
    assert other.sent[0]["code"] == 1008
    assert without_origin.reached == other.reached == []


def test_the_server_s_own_start_and_end_pass_through(server):
    server.ask({"type": "lifespan"})
    assert server.reached == ["lifespan"]


def test_a_refusal_says_cause_and_remedy_in_plain_text(server):
    server.http(("host", "evil.example:3000"))
    start, body = server.sent
    assert body["body"].decode() == (
        "The request's Host is not this server's.\n"
        "Remedy: open http://127.0.0.1:3000 or http://localhost:3000 or http://[::1]:3000\n"
    )
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert b"access-control-allow-origin" not in headers


def test_no_other_site_can_show_a_page_in_a_frame(server):
    server.http(OWN_HOST)
    assert (b"x-frame-options", b"SAMEORIGIN") in server.sent[0]["headers"]


@pytest.mark.parametrize("host", ["www.example.org", "www.example.org:443", "127.0.0.1:3000"])
def test_behind_a_proxy_its_address_is_the_server_s_too(host):
    assert Server(proxy="https://www.example.org/crm").http(("host", host), path="/crm/runs") == 200


def test_behind_a_proxy_only_the_proxy_s_pages_are_its_own():
    proxy = "https://www.example.org/crm"
    host = ("host", "www.example.org")
    assert Server(proxy).http(host, ("origin", "https://www.example.org"), JSON, method="POST") == 200
    assert Server(proxy).websocket(host, ("origin", "https://www.example.org")) == "websocket.accept"
    for origin in ("http://www.example.org", "https://example.org", "http://127.0.0.1:3000"):
        assert Server(proxy).http(host, ("origin", origin), JSON, method="POST") == 403
        assert Server(proxy).websocket(host, ("origin", origin)) == "websocket.close"
    assert Server(proxy).http(("host", "example.org")) == 403
    assert Server(proxy).http(("host", "www.example.org:8443")) == 403


def test_a_proxy_on_a_port_of_its_own_is_known_by_it():
    proxy = "https://www.example.org:8443"
    assert Server(proxy).http(("host", "www.example.org:8443"), ("origin", proxy)) == 200
    assert Server(proxy).http(("host", "www.example.org")) == 403


@pytest.mark.parametrize("address", ["www.example.org", "ftp://www.example.org", "https://", "https://a@b.example"])
def test_a_wrong_address_of_a_proxy_is_said(address):
    with pytest.raises(UsageError, match=r"https://www\.example\.org/crm"):
        checked_proxy(address)


def test_a_taken_port_is_said_with_what_to_do():
    with bind(0) as first:
        first.listen()
        with pytest.raises(UsageError, match=rf"port {port_of(first)} of 127\.0\.0\.1(.|\n)*--port"):
            bind(port_of(first))


def test_a_server_is_guarded_for_the_port_that_it_holds():
    server = Server()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        server.reached.append(scope["type"])

    async def send(message: Any) -> None:
        server.sent.append(message)

    with bind(0) as bound:
        guard = guarded_server(app, bound).config.app
        for host in (f"localhost:{port_of(bound)}", "localhost:3000"):
            scope = _scope("http", (("host", host),), "/") | {"method": "GET"}
            asyncio.run(guard(scope, None, send))  # type: ignore[operator, arg-type]
    assert server.reached == ["http"]
    assert server.sent[0]["status"] == 403
