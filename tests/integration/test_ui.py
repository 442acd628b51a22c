"""Dagster's pages in a real browser: the asset graph, the run, and a feed's checks are there to be looked at.

Another site's pages, in the same browser, start and read nothing; a viewer changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .homes import COMMAND, CommandHome

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine to look with")

_START_SECONDS = 180


@dataclass(frozen=True)
class Pages:
    """A running web server and a browser page that looks at it."""

    address: str
    page: Any

    def graphql(self, query: str) -> Any:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def look(self, path: str, *texts: str) -> str:
        """The visible text of a page, once it shows `texts`."""
        self.page.goto(f"{self.address}{path}")
        for text in texts:
            self.page.get_by_text(text).first.wait_for(timeout=60_000)
        return str(self.page.inner_text("body"))


@pytest.fixture(scope="module")
def home(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A copy of the built home, whose pages are shown."""
    return built.copied_to(tmp_path_factory.mktemp("ui") / "home")


@pytest.fixture(scope="module")
def address(home: CommandHome) -> Iterator[str]:
    """The address of `crmdw ui` on the home."""
    with _served(home) as (found, _):
        yield found


@contextmanager
def _served(home: CommandHome, *options: str, path: str = "") -> Iterator[tuple[str, subprocess.Popen]]:
    """The address of `crmdw ui` with these options, whose pages lie under `path`, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home.folder / f"ui_{port}.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "ui", "--port", str(port), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=home.environment(),
            start_new_session=True,
        )
    try:
        found = f"http://127.0.0.1:{port}{path}"
        _wait_for(found, server, log)
        yield found, server
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return as soon as the server answers; fail with its log where it ends or never does."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except urllib.error.HTTPError as refusal:
            pytest.fail(f"crmdw ui refuses: {refusal.read().decode()}")
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"crmdw ui does not answer at {address}:\n{log.read_text()}")


@pytest.fixture(scope="module")
def pages(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A browser with a fresh profile that talks to nobody but the server."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (nothing to import where there is no browser)

    quiet = ("background-networking", "component-update", "sync", "default-apps", "extensions")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                # A name of somebody else's, that resolves to this machine.
                "--host-resolver-rules=MAP evil.example 127.0.0.1",
                *(f"--disable-{name}" for name in quiet),
            ],
            viewport={"width": 1600, "height": 1000},
        )
        yield Pages(address, browser.pages[0])
        browser.close()


def test_the_asset_graph_shows_every_group(pages, tmp_path):
    groups = pages.graphql("{ assetNodes { groupName assetKey { path } } }")["assetNodes"]
    names = {node["groupName"] for node in groups}
    assert {"load", "staging", "identity", "core", "value", "customer", "quality", "publish"} <= names
    text = pages.look("/asset-groups", *sorted(names))
    pages.page.get_by_text("fetching statuses").first.wait_for(state="hidden", timeout=60_000)
    pages.page.screenshot(path=tmp_path / "asset_graph.png")
    assert "Failed to load" not in text


def test_the_run_s_page_shows_its_success_and_its_steps(pages, tmp_path):
    runs = pages.graphql("{ runsOrError { ... on Runs { results { runId status } } } }")["runsOrError"]["results"]
    assert [run["status"] for run in runs] == ["SUCCESS"]
    live: list[str] = []
    pages.page.on("websocket", lambda opened: opened.on("framereceived", lambda frame: live.append(str(frame))))
    text = pages.look(f"/runs/{runs[0]['runId']}", "Success", "branch__transactions", "candidate")
    pages.page.screenshot(path=tmp_path / "run.png")
    assert "Failure" not in text
    assert any('"type":"data"' in str(frame) for frame in live), "the run's events come by WebSocket"


def test_a_feed_s_checks_show_the_gate_with_its_counts(pages, tmp_path):
    pages.look("/assets/branch/transactions?view=checks", "gate", "Metadata", "Great Expectations suite and tolerance.")
    pages.page.get_by_text("rows quarantined").first.wait_for(timeout=60_000)
    text = pages.page.inner_text("body")
    pages.page.screenshot(path=tmp_path / "checks.png")
    assert re.search(r"rows quarantined\s+1\b", text)
    assert re.search(r"rows duplicate\s+1\b", text)
    assert "Great Expectations suite and tolerance." in text


def test_the_schedule_and_the_sensor_are_shown_as_running(pages, tmp_path):
    text = pages.look("/automation", "every_morning", "arriving_files", "05:00 AM")
    assert "Standard sensor" in text
    # Each row asks the server for its own switch, after the names are shown.
    switches = pages.page.locator("input[type=checkbox]:checked")
    switches.nth(1).wait_for(state="attached", timeout=60_000)
    pages.page.screenshot(path=tmp_path / "automation.png")
    assert switches.count() == 2, "both are switched on"


_ATTACKS = """
<!doctype html>
<title>Another site</title>
<script>
const server = "SERVER", launch = LAUNCH, erase = ERASE;
const address = query => server + "/graphql?query=" + encodeURIComponent(query);
const over = (element, ...events) => new Promise(done => {
  for (const event of events) element.addEventListener(event, () => done(event));
  document.body.append(element);
});
const image = query => over(Object.assign(new Image(), {src: address(query)}), "load", "error");
const frame = source => over(Object.assign(document.createElement("iframe"), {src: source}), "load");
const form = (type, action, fields) => {
  const target = Object.assign(document.createElement("iframe"), {name: "n" + Math.random()});
  document.body.append(target);
  const sent = Object.assign(document.createElement("form"), {enctype: type, action, target: target.name});
  sent.method = "POST";
  for (const [name, value] of Object.entries(fields))
    sent.append(Object.assign(document.createElement("input"), {name, value}));
  document.body.append(sent);
  const done = new Promise(resolve => target.addEventListener("load", () => resolve("sent")));
  sent.submit();
  return done;
};
const post = (path, type, body) => fetch(server + path, {
  method: "POST",
  mode: type === "application/json" ? "cors" : "no-cors",
  headers: type ? {"content-type": type} : {},
  body,
}).then(answer => "answered " + answer.type, () => "refused");
const read = path => fetch(server + path).then(answer => answer.text().then(() => "read"), () => "refused");
const socket = () => new Promise(done => {
  const opened = new WebSocket(server.replace("http", "ws") + "/graphql", "graphql-ws");
  opened.onopen = () => done("opened");
  opened.onerror = () => done("refused");
});
const json = query => JSON.stringify({query});
async function attack() {
  const both = [launch, erase];
  return {
    images: await Promise.all(both.map(image)),
    frames: await Promise.all([frame(server + "/"), ...both.map(query => frame(address(query)))]),
    forms: await Promise.all(both.flatMap(query => [
      form("application/x-www-form-urlencoded", server + "/graphql", {query}),
      form("application/x-www-form-urlencoded", address(query), {}),
      form("multipart/form-data", address(query), {}),
      form("text/plain", server + "/graphql", {['{"query":' + JSON.stringify(query) + ',"x":"']: '"}'}),
    ])),
    posts: await Promise.all(both.flatMap(query => [
      post("/graphql", "text/plain", json(query)),
      post("/graphql", "text/plain; application/json", json(query)),
      post("/graphql", "application/graphql", query),
      post("/graphql?query=" + encodeURIComponent(query), null, ""),
      post("/graphql", "application/json", json(query)),
    ])),
    report: await post("/report_asset_materialization/branch/transactions", null, new Blob([])),
    read: [await read("/server_info"), await read(address("{ version }").slice(server.length))],
    socket: await socket(),
  };
}
</script>
<body>
"""


# What an unguarded server does with an attack may take for ever.
_WITHIN_TIME = "Promise.race([{}, new Promise((_, fail) => setTimeout(() => fail('not answered'), 60000))])"


@pytest.fixture
def changes(pages: Pages) -> tuple[str, str]:
    """A mutation that starts a run, and one that deletes the record of the home's run."""
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
    repository = pages.graphql(query)["repositoriesOrError"]["nodes"][0]
    selector = (
        f'repositoryLocationName: "{repository["location"]["name"]}", repositoryName: "{repository["name"]}", '
        'jobName: "warehouse"'
    )
    parameters = f'selector: {{{selector}}}, mode: "default", runConfigData: {{}}'
    run = pages.graphql("{ runsOrError { ... on Runs { results { runId } } } }")["runsOrError"]["results"][0]["runId"]
    return (
        f"mutation {{ launchRun(executionParams: {{{parameters}}}) {{ __typename }} }}",
        f'mutation {{ deleteRun(runId: "{run}") {{ __typename }} }}',
    )


@pytest.fixture
def other_site(address: str, changes: tuple[str, str], tmp_path: Path) -> Iterator[int]:
    """The port of another server of this machine, whose page tries all that a page can try on the pages' server."""
    launch, erase = (json.dumps(change) for change in changes)
    text = _ATTACKS.replace("SERVER", address).replace("LAUNCH", launch).replace("ERASE", erase)
    (tmp_path / "index.html").write_text(text)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _what_happened(pages: Pages) -> Any:
    """All runs, and how often an asset was materialised."""
    asset = 'assetOrError(assetKey: {path: ["branch", "transactions"]})'
    return pages.graphql(
        "{ runsOrError { ... on Runs { results { runId status } } } "
        f"{asset} {{ ... on Asset {{ assetMaterializations {{ timestamp }} }} }} }}"
    )


@pytest.mark.parametrize("name", ["127.0.0.1", "evil.example"])
def test_another_site_s_page_starts_deletes_and_reads_nothing(pages, other_site, name):
    before = _what_happened(pages)
    assert before["runsOrError"]["results"]
    pages.page.goto(f"http://{name}:{other_site}/")
    tried = pages.page.evaluate(_WITHIN_TIME.format("attack()"))
    assert _what_happened(pages) == before
    assert tried["socket"] == "refused"
    assert tried["read"] == ["refused", "refused"]
    # Every form was sent, and each answer is opaque to the page.
    assert tried["forms"] == ["sent"] * 8
    assert tried["images"] == ["error"] * 2
    shown = [frame.inner_text("body") for frame in pages.page.frames if frame.url.startswith(pages.address)]
    assert len(shown) == 3 + 8, "what frames ask for, and what forms are answered"
    assert all("Remedy: use the server's own pages" in text for text in shown)


def test_a_name_made_to_resolve_to_this_machine_reads_and_changes_nothing(pages, changes):
    before = _what_happened(pages)
    port = pages.address.rpartition(":")[2]
    answer = pages.page.goto(f"http://evil.example:{port}/runs")
    assert answer.status == 403
    assert f"Remedy: open {pages.address}" in answer.text()
    # The browser takes that page for one of the server's, and lets it ask whatever it wants.
    ask = """query => fetch("/graphql", {
        method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify({query}),
    }).then(answer => answer.status)"""
    assert [pages.page.evaluate(ask, query) for query in ("{ version }", *changes)] == [403] * 3
    connect = """() => new Promise(done => {
        const opened = new WebSocket(location.origin.replace("http", "ws") + "/graphql", "graphql-ws");
        opened.onopen = () => done("opened");
        opened.onerror = () => done("refused");
    })"""
    assert pages.page.evaluate(connect) == "refused"
    assert _what_happened(pages) == before


def test_a_viewer_shows_the_same_and_changes_nothing(pages, changes, home, tmp_path):
    """Behind a proxy with a path of its own, as it is meant to be used."""
    before = _what_happened(pages)
    with _served(home, "--viewer", "--proxy", "https://www.example.org/crm", path="/crm") as (found, server):
        viewer = Pages(found, pages.page)
        for change in changes:
            (answer,) = viewer.graphql(change).values()
            assert answer == {"__typename": "UnauthorizedError"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(
                    f"{viewer.address}/report_asset_materialization/branch/transactions",
                    b"{}",
                    {"Content-Type": "application/json"},
                ),
                timeout=30,
            )
        assert refused.value.code == 401
        viewer.look(f"/runs/{before['runsOrError']['results'][0]['runId']}", "Success", "branch__transactions")
        pages.page.screenshot(path=tmp_path / "viewer.png")
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        programs = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
        assert programs and not any(b"dagster._daemon" in program for program in programs)
    assert _what_happened(pages) == before


def test_the_partitions_of_the_deliveries_show_the_loaded_days(pages, tmp_path):
    pages.look("/assets/deliveries?view=partitions", "Materialized (31)")
    pages.page.screenshot(path=tmp_path / "partitions.png")


def test_the_timeline_shows_the_command_line_s_run_at_its_code_location(pages, tmp_path):
    pages.look("/overview/timeline", "crm_warehouse")
    # A job without a run in these hours has no line.
    pages.page.locator("a[href$='/crm_warehouse/jobs/warehouse']").first.wait_for(timeout=60_000)
    pages.page.screenshot(path=tmp_path / "timeline.png")


@pytest.mark.parametrize(
    ("asset", "plot"),
    [
        ("branch/transactions", "rows loaded"),
        ("core/fct_transaction", "dagster/row_count"),
        ("published/crm", "marts.mart_rfm"),
    ],
)
def test_an_asset_s_page_plots_its_rows(pages, tmp_path, asset, plot):
    pages.look(f"/assets/{asset}", "Metadata")
    pages.page.get_by_text("Plots", exact=True).first.click()
    heading = pages.page.get_by_text(plot, exact=True).first
    heading.wait_for(timeout=60_000)
    pages.page.locator("canvas").first.wait_for(timeout=60_000)
    pages.page.screenshot(path=tmp_path / "plots.png")
