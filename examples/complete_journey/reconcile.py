"""Compares the published file with what is known of The Complete Journey, line by line.

Run by `make demo-real`, with CRMDW_HOME naming the home. It reads the published file alone, as an analyst would.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.settings import Settings

# What the package's own files hold, counted without the warehouse.
EXPECTED = {
    "sales": ("4,596,039.58", "select sum(amount) from core.fct_transaction where amount_role = 'sale'"),
    "transaction lines": ("1,469,307", "select count(*) from core.fct_transaction"),
    "households": ("2,469", "select count(distinct customer_id) from core.fct_transaction where customer_id <> '-1'"),
    "stores": ("457", "select count(distinct branch_id) from core.fct_transaction where branch_id <> '-1'"),
    "campaigns": ("27", "select count(*) from core.dim_campaign where campaign_id not in ('-1', '-2')"),
    "contacts": ("6,589", "select count(*) from core.fct_contact where is_sent and customer_id <> '-1'"),
    "redemptions": ("2,102", "select count(*) from core.fct_response where contact_id <> '-1'"),
}
RESPONSE_RATES = {"Type A": "16.56 %", "Type B": "6.50 %", "Type C": "5.92 %"}
# Rows of the files that each feed reads; a file read as two feeds counts in both.
ROWS_READ = {
    ("direct_mail", "campaign__campaigns"): 27,
    ("direct_mail", "campaign__contacts"): 6_589,
    ("direct_mail", "campaign__responses"): 2_102,
    ("grocer", "branch__branches"): 1_469_307,
    ("grocer", "branch__customers"): 1_469_307 + 801,
    ("grocer", "branch__products"): 92_331,
    ("grocer", "branch__transactions"): 1_469_307,
}


@dataclass(frozen=True)
class Line:
    """One figure, as published and as expected, both as text."""

    name: str
    published: str
    expected: str

    @property
    def agrees(self) -> bool:
        return self.published == self.expected


def reconcile(published: duckdb.DuckDBPyConnection) -> list[Line]:
    """All lines: counts and sums, response rates by campaign type, and the conservation law per feed."""
    return [*_totals(published), *_response_rates(published), *_conservation(published)]


def _totals(published: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    for name, (expected, query) in EXPECTED.items():
        row = published.execute(query).fetchone()
        yield Line(name, f"{row[0]:,}" if row and row[0] is not None else "none", expected)


def _response_rates(published: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    """Of the contacts of each campaign type that were sent, the share that redeemed at least once."""
    rates = published.execute(
        """
        select
            dim_campaign.campaign_type,
            100.0 * count(distinct fct_response.contact_id) / count(distinct fct_contact.contact_id),
        from core.fct_contact
        inner join core.dim_campaign using (campaign_id)
        left join core.fct_response
            on fct_contact.contact_id = fct_response.contact_id and fct_response.response_type_code = 'redemption'
        where fct_contact.is_sent
        group by all
        """
    ).fetchall()
    found = {campaign_type: f"{rate:.2f} %" for campaign_type, rate in rates}
    for campaign_type in sorted(RESPONSE_RATES.keys() | found.keys()):
        yield Line(
            f"redeemed per contact, {campaign_type}",
            found.get(campaign_type, "none"),
            RESPONSE_RATES.get(campaign_type, "none"),
        )


def _conservation(published: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    rows = published.execute(
        """
        select source_system, feed, rows_read_count, is_conserved, rows_loaded_count, rows_quarantined_count,
            rows_duplicate_count, rows_unchanged_count, rows_blocked_count
        from marts.mart_data_trust
        """
    ).fetchall()
    found = {(system, feed): counts for system, feed, *counts in rows}
    for key in sorted(ROWS_READ.keys() | found.keys()):
        expected = f"{ROWS_READ[key]:,} = {ROWS_READ[key]:,}" if key in ROWS_READ else "none"
        published_text = "none"
        if key in found:
            read, is_conserved, *buckets = found[key]
            published_text = f"{read:,} {'=' if is_conserved else '≠'} {sum(buckets):,}"
        yield Line(f"{key[1]} rows", published_text, expected)


def main() -> int:
    """Print the comparison; 1 where a line differs, or where nothing is published."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    file = Settings.from_environment().published_file
    if not file.exists():
        errors.print(f"{file}: nothing is published; run `make demo-real`, or set CRMDW_HOME", soft_wrap=True)
        return 1
    with duckdb.connect(str(file), read_only=True) as published:
        lines = reconcile(published)
    table = Table(title="The Complete Journey: published vs expected", title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("figure")
    table.add_column("published", justify="right")
    table.add_column("expected", justify="right")
    table.add_column("")
    for line in lines:
        table.add_row(line.name, line.published, line.expected, "=" if line.agrees else "[red]differs[/red]")
    console.print(table)
    differing = [line for line in lines if not line.agrees]
    for line in differing:
        errors.print(f"differs: {line.name}: published {line.published}, expected {line.expected}", soft_wrap=True)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
