"""Public files as they circulate, read by configuration alone, against the figures that others have published.

They are read in place; where the folder of shared data or the package is absent, the test says so and is skipped.
"""

from __future__ import annotations

from decimal import Decimal
from importlib import metadata
from pathlib import Path

import duckdb
import pytest
from loading_home import LoadingHome

from pipelines.settings import PROJECT_ROOT

SHARED = PROJECT_ROOT.parent / "shared" / "data"
ONLINE_RETAIL = SHARED / "online_retail" / "online_retail_2010_2011.parquet"
TELCO = SHARED / "telco_churn" / "Telco-Customer-Churn.csv"
CUSTOMERS, CONTRACTS, TRANSACTIONS = "branch__customers", "branch__contracts", "branch__transactions"


def read_in_place(home: LoadingHome, feed: str, path: Path | str, columns: dict, **terms: object) -> None:
    home.add_source(feed, "", columns, **terms)
    home.sources[-1]["path"] = str(path)


@pytest.mark.skipif(not ONLINE_RETAIL.exists(), reason=f"the shared data is not there: {ONLINE_RETAIL}")
def test_online_retail_is_read_and_loaded_to_the_line(home: LoadingHome) -> None:
    home.company = {"time_zone": "Europe/London", "currency": "GBP"}
    line = ["InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "InvoiceDate"]
    sale = {
        "transaction_key": {"columns": line, "missing": "-"},
        "customer_key": "CustomerID",
        "product_key": "StockCode",
        "transacted_at": "InvoiceDate",
        "amount_role": {"constant": "sale"},
        "quantity": "Quantity",
        "amount": {"multiply": ["Quantity", "UnitPrice"]},
    }
    read_in_place(home, TRANSACTIONS, ONLINE_RETAIL, sale, format="parquet")
    result = home.load(TRANSACTIONS)
    assert result.refused == []
    assert {name: count for name, count in result.counts.items() if count} == {
        "read": 541_909,
        "loaded": 536_641,
        "duplicate": 5_268,
    }
    counts = """
        select
            count(*) filter ({invoice} like 'C%'), count(*) filter ({customer} is null), sum({amount})::decimal(18, 2)
    """
    loaded = counts.format(invoice="transaction_key", customer="customer_key", amount="amount")
    assert home.rows(f"{loaded} from raw.{TRANSACTIONS}") == [(9_251, 135_037, Decimal("9726006.95"))]
    read = counts.format(invoice="InvoiceNo", customer="CustomerID", amount="Quantity * UnitPrice")
    archived = str(home.settings.archive / TRANSACTIONS / "*" / "*.parquet")
    with duckdb.connect() as archive:
        assert archive.execute(f"{read} from read_parquet(?)", [archived]).fetchone() == (
            9_288,
            135_080,
            Decimal("9747747.93"),
        )
    warned = "select rows_failed from ledger.gate_results where expectation = 'a sale is never negative'"
    # The cancellations, of which 37 were doubled, and the two negative prices.
    assert home.rows(warned) == [(9_251 + 2,)]


@pytest.mark.skipif(not TELCO.exists(), reason=f"the shared data is not there: {TELCO}")
def test_the_telco_file_gives_its_customers_its_churn_and_its_blank_charges(home: LoadingHome) -> None:
    day = {"constant": "2024-01-31"}
    sex = {"column": "gender", "values": {"Female": "female", "Male": "male"}}
    customer = {"customer_key": "customerID", "sex": sex}
    contract = {
        "contract_key": "customerID",
        "customer_key": "customerID",
        "signed_date": day,
        "status": {"column": "Churn", "values": {"Yes": "ended", "No": "active"}},
        "end_date": {"column": "Churn", "values": {"Yes": "2024-01-31", "No": ""}},
    }
    charge = {
        "transaction_key": "customerID",
        "customer_key": "customerID",
        "transacted_at": day,
        "amount_role": {"constant": "fee"},
        "amount": "TotalCharges",
    }
    for feed, columns in ((CUSTOMERS, customer), (CONTRACTS, contract), (TRANSACTIONS, charge)):
        read_in_place(home, feed, TELCO, columns, codec="utf-8")
        result = home.load(feed)
        assert (result.refused, result.counts["read"]) == ([], 7_043)
        blank = 11 if feed == TRANSACTIONS else 0
        assert (result.counts["quarantined"], result.counts["loaded"]) == (blank, 7_043 - blank)
    assert home.rows(f"select count(*) filter (status = 'ended') from raw.{CONTRACTS}") == [(1_869,)]
    assert home.rows("select distinct reasons from quarantine.rows") == [("amount is present",)]


def _cdnow(name: str) -> Path:
    try:
        files = metadata.files("lifetimes") or []
    except metadata.PackageNotFoundError:
        files = []
    found = next((Path(str(file.locate())) for file in files if file.name == name), None)
    if found is None:
        pytest.skip(f"{name} is in the package lifetimes, which is not installed: make test installs it")
    return found


@pytest.mark.parametrize(
    ("name", "fields", "header_lines", "rows", "customers", "total", "free"),
    [
        (
            "CDNOW_master.txt",
            {"customer": [2, 5], "date": [8, 8], "quantity": [16, 3], "amount": [19, 8]},
            1,
            69_659,
            23_570,
            "2500315.63",
            80,
        ),
        (
            "CDNOW_sample.txt",
            {"master": [2, 5], "customer": [8, 4], "date": [13, 8], "quantity": [21, 3], "amount": [24, 8]},
            0,
            6_919,
            2_357,
            "244091.94",
            8,
        ),
    ],
)
def test_both_cdnow_layouts_are_cut_by_their_places(
    home: LoadingHome,
    name: str,
    fields: dict[str, list[int]],
    header_lines: int,
    rows: int,
    customers: int,
    total: str,
    free: int,
) -> None:
    path = _cdnow(name)
    purchase = {
        "transaction_key": {"row_number": "true"},
        "customer_key": "customer",
        "transacted_at": {"column": "date", "format": "%Y%m%d"},
        "amount_role": {"constant": "sale"},
        "quantity": "quantity",
        "amount": "amount",
    }
    layout = {"format": "fixed_width", "fields": fields, "header_lines": header_lines, "codec": "ascii"}
    read_in_place(home, TRANSACTIONS, path, purchase, **layout)
    result = home.load(TRANSACTIONS)
    assert (result.refused, result.counts["read"], result.counts["loaded"]) == ([], rows, rows)
    query = "select count(distinct customer_key), sum(amount), count(*) filter (amount = 0), min(length(customer_key))"
    width = fields["customer"][1]
    assert home.rows(f"{query} from raw.{TRANSACTIONS}") == [(customers, Decimal(total), free, width)]
