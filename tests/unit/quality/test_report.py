"""The quality report: it shows every fault that was planted, to a browser too, and nothing that was in a row."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from loading_home import LoadingHome

from pipelines.errors import UsageError
from pipelines.quality.report import COLUMNS_RULE, VOLUME_RULE, write_report

CHROMIUM = shutil.which("chromium")
FIRST, LAST = date(2024, 1, 1), date(2024, 1, 12)
MISSING, REFUSED, HELD, SMALL = (date(2024, 1, day) for day in (9, 10, 11, 12))
NOW = datetime(2024, 1, 13, 3, tzinfo=UTC)  # noon in Seoul
NAME, PHONE = "권은경", "010-9876-5432"
CUSTOMERS, TRANSACTIONS = "branch__customers", "branch__transactions"


def transactions(day: date) -> str:
    """40 good rows, but for the faults of the planted days."""
    lines = [f"T{day:%d}-{n},C1,{day} 09:00:00,sale,100" for n in range(40)]
    header = "no,customer,at,role,amount"
    if day == REFUSED:
        lines[:20] = [f"{NAME},{PHONE}" for _ in range(20)]
    if day == HELD:
        lines[3] = f"T{day:%d}-3,C1,{day} 09:00:00,sale,{NAME} {PHONE}"
        lines[4] = f"T{day:%d}-4,{PHONE},{day} 09:00:00,sale,100"
    if day == SMALL:
        header += ",memo"
        lines = [f"{line},{NAME} {PHONE}" for line in lines[:18]]
    return "\n".join([header, *lines, ""])


@pytest.fixture(scope="module")
def faulty(new_home: Callable[[], LoadingHome]) -> LoadingHome:
    """A loaded home in which one day each is missing, refused, partly held back, and too small with a new column."""
    home = new_home()
    columns = {"transaction_key": "no", "customer_key": "customer", "transacted_at": "at", "amount_role": "role"}
    home.add_source(CUSTOMERS, "customers.csv", {"customer_key": "no", "customer_name": "name"}, codec="utf-8")
    home.sources[0]["delivery_date"] = FIRST.isoformat()
    home.add_source(
        TRANSACTIONS, "transactions_{date:%Y%m%d}.csv", columns | {"amount": "amount"}, codec="utf-8", until=str(LAST)
    )
    home.deliver("customers.csv", f"no,name\nC1,{NAME}\n")
    for day in (FIRST + timedelta(number) for number in range((LAST - FIRST).days + 1)):
        if day != MISSING:
            home.deliver(f"transactions_{day:%Y%m%d}.csv", transactions(day))
    home.load(CUSTOMERS)
    home.load(TRANSACTIONS)
    return home


@pytest.fixture(scope="module")
def page(faulty: LoadingHome) -> str:
    return write_report(faulty.settings, NOW).read_text(encoding="utf-8")


def words(page: str) -> str:
    """What a reader sees, tooltips included."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<body>")[1]))


def test_every_planted_fault_is_told(page: str) -> None:
    told = words(page)
    assert "Not complete: 2 required deliveries are missing or refused." in told
    assert f"{TRANSACTIONS}, branch, Tue {MISSING}: overdue" in told
    assert f"{TRANSACTIONS}, branch, Wed {REFUSED}: refused, 40 rows read, 0 loaded, 40 held back" in told
    assert f"{TRANSACTIONS}, branch, Thu {HELD}: loaded, 40 rows read, 39 loaded, 1 held back, 1 warnings" in told
    assert f"{TRANSACTIONS}, branch, Fri {SMALL}: loaded, 18 rows read, 18 loaded, 0 held back, 2 warnings" in told
    assert "read 418 = loaded 377 + quarantined 41 + duplicate 0 + unchanged 0 + blocked 0 rows" in told
    assert "18 rows at least 22 rows, where 40 are expected" in told
    assert "new: memo as delivered on 2024-01-11" in told
    assert "every customer_key was delivered by branch__customers warns 1 1 of 40 rows 0 rows" in told
    assert "every value has its type (amount)" in told
    assert "At most 2.5 % of a loaded day was held back; the contract tolerates 5 %" in told
    assert "1 overdue since 2024-01-09" in told


def test_a_person_is_told_what_to_do_next(page: str, faulty: LoadingHome) -> None:
    commands = re.findall(r"<li>(.*?)<code>(.*?)</code>", page)
    told = [(text.split(" ")[0], command.split(f"{faulty.settings.home} ")[1]) for text, command in commands]
    assert told == [
        ("Ask", "run"),
        ("See", "status"),
        ("Work", "quarantine list"),
        ("Columns", "doctor"),
        ("Some", "backfill --from 2024-01-12 --to 2024-01-12"),
    ]


def test_nothing_that_was_in_a_row_is_on_the_page(page: str) -> None:
    for private in (NAME, PHONE, PHONE.replace("-", ""), "T12-", "C1"):
        assert private not in page


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    assert not re.search(r"https?://|<script|<link|@import|url\(|src=", page)
    assert "default-src 'none'" in page


def test_the_report_is_for_its_owner_alone(faulty: LoadingHome, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("an old one")
    out.chmod(0o644)
    assert write_report(faulty.settings, NOW, out) == out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    default = write_report(faulty.settings, NOW)
    assert default == faulty.settings.home / "reports" / "quality.html"
    assert stat.S_IMODE(default.stat().st_mode) == 0o600


def test_the_same_state_at_the_same_instant_gives_the_same_bytes(faulty: LoadingHome, page: str) -> None:
    assert write_report(faulty.settings, NOW).read_text(encoding="utf-8") == page


def test_a_home_without_faults_is_good_and_without_loads_is_refused(new_home: Callable[[], LoadingHome]) -> None:
    home = new_home()
    home.add_source(CUSTOMERS, "customers.csv", {"customer_key": "no"}, codec="utf-8")
    home.sources_file()
    with pytest.raises(UsageError):
        write_report(home.settings, NOW)
    home.deliver("customers.csv", "no\nC1\n")
    home.load(CUSTOMERS)
    told = words(write_report(home.settings, datetime(2024, 2, 1, tzinfo=UTC)).read_text(encoding="utf-8"))
    assert "every row is loaded, and no rule failed" in told
    assert "Nothing. The next delivery is looked for by the next run." in told


def test_writing_it_imports_neither_the_gate_nor_dagster(faulty: LoadingHome) -> None:
    program = (
        "import sys\nfrom pipelines.commands.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('great_expectations', 'dagster', 'dbt') if name in sys.modules])"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "--home",
            str(faulty.settings.home),
            "quality",
            "report",
            "--today",
            "2024-01-13",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"Quality report: {faulty.settings.home}/reports/quality.html", "[]"]


def test_the_report_and_the_suite_call_the_rules_by_the_same_names() -> None:
    from expectations.batches import suite  # noqa: PLC0415 (importing Great Expectations takes seconds)
    from pipelines.contracts import feeds  # noqa: PLC0415

    rules = {rule.description for rule in suite(feeds()[TRANSACTIONS]).expectations}
    assert {COLUMNS_RULE, VOLUME_RULE} <= rules


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine to look with")
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_browser_shows_the_planted_faults(faulty: LoadingHome, tmp_path: Path, width: int, scheme: str) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (nothing to import where there is no browser)

    report = write_report(faulty.settings, NOW)
    quiet = ("background-networking", "component-update", "sync", "default-apps", "extensions")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path,
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", *(f"--disable-{name}" for name in quiet)],
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        shown = browser.pages[0]
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(report.as_uri())
        assert asked == [report.as_uri()], "nothing else is fetched"
        text = shown.inner_text("body")
        assert "Not complete: 2 required deliveries are missing or refused." in text
        assert "at least 22 rows, where 40 are expected" in text
        colours = {
            kind: shown.locator(f"svg rect.{kind}").first.evaluate("cell => getComputedStyle(cell).fill")
            for kind in ("refused", "overdue", "quarantined", "warned", "loaded")
        }
        assert len(set(colours.values())) == 5, "each state has its colour"
        assert shown.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
        background = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        browser.close()
