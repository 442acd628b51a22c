"""Large files of transactions in the simulator's layout, made by DuckDB; and the sources file that reads them."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import yaml

FIRST_DAY = date(2023, 1, 1)

_ROWS = """
copy (
    select
        'T' || strftime(day, '%Y%m%d') || '-' || lpad(number::varchar, 8, '0') as 거래번호,
        lpad((hash(number, day) % 1000000)::varchar, 8, '0') as 고객번호,
        null as 계약번호,
        'P' || (1000 + hash(number, 1) % 40) as 상품코드,
        case when number % 3 = 0 then 'B' || (number % 300) end as 취급점,
        strftime(day + to_seconds(number * 86400 // rows), '%Y-%m-%d %H:%M:%S') as 거래일시,
        '구매' as 거래구분,
        '매출' as 금액구분,
        '고객' as 발생주체,
        case number % 3 when 0 then '창구' else '인터넷' end as 거래경로,
        1 + hash(number, 2) % 5 as 수량,
        hash(number, 3) % 100000 as 거래금액,
        case when number % 4 = 0 then hash(number, 4) % 2000 end as 할인금액,
        case when number % 2 = 0 then hash(number, 5) % 9000 end as 마진금액,
    from range({rows}) as numbers (number), (select date '{day}' as day, {rows} as rows)
) to '{path}' (header)
"""
_CODES = {
    "transaction_type": ("거래구분", {"구매": "purchase"}),
    "amount_role": ("금액구분", {"매출": "sale"}),
    "initiated_by": ("발생주체", {"고객": "customer"}),
    "channel": ("거래경로", {"창구": "branch", "인터넷": "web"}),
}
_COLUMNS = {
    "transaction_key": "거래번호",
    "customer_key": "고객번호",
    "contract_key": "계약번호",
    "product_key": "상품코드",
    "branch_key": "취급점",
    "transacted_at": {"column": "거래일시", "format": "%Y-%m-%d %H:%M:%S"},
    **{name: {"column": column, "values": values} for name, (column, values) in _CODES.items()},
    "quantity": "수량",
    "amount": "거래금액",
    "discount_amount": "할인금액",
    "margin_amount": "마진금액",
    "currency": {"constant": "KRW"},
}


def deliver_transactions(home: Path, days: int, rows: int, codec: str = "utf-8") -> list[Path]:
    """Write one file of `rows` rows for each of `days` days into the home's inbox; those that are there stay."""
    (home / "inbox").mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(days):
        day = FIRST_DAY + timedelta(number)
        path = home / "inbox" / f"transactions_{day:%Y%m%d}.csv"
        paths.append(path)
        if path.exists():
            continue
        with duckdb.connect() as connection:
            connection.execute(_ROWS.format(day=day, rows=rows, path=path))
        if codec != "utf-8":
            path.write_bytes(path.read_text(encoding="utf-8").encode(codec))
    return paths


def write_sources(home: Path, codec: str = "utf-8") -> None:
    """The sources file that reads what deliver_transactions wrote."""
    source = {
        "feed": "branch__transactions",
        "source_system": "branch",
        "path": "inbox/transactions_{date:%Y%m%d}.csv",
        "format": "csv",
        "codec": codec,
        "start": str(FIRST_DAY),
        "columns": _COLUMNS,
    }
    content = yaml.safe_dump({"version": "1", "sources": [source]}, allow_unicode=True)
    (home / "sources.yml").write_text(content, encoding="utf-8")
