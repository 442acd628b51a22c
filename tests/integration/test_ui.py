"""Dagster's pages in a real browser: the asset graph, the run, and a feed's checks are there to be looked at."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .homes import COMMAND, Home

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
def address(built: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `crmdw ui` on the built home."""
    home = built.copied_to(tmp_path_factory.mktemp("ui") / "home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home.folder / "ui.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "ui", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=home.environment(),
            start_new_session=True,
        )
    try:
        found = f"http://127.0.0.1:{port}"
        _wait_for(found, server, log)
        yield found
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
            args=["--no-sandbox", "--disable-gpu", *(f"--disable-{name}" for name in quiet)],
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
    text = pages.look(f"/runs/{runs[0]['runId']}", "Success", "branch__transactions", "candidate")
    pages.page.screenshot(path=tmp_path / "run.png")
    assert "Failure" not in text


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
