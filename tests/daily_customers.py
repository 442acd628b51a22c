"""A branch that delivers customers every day, in CP949: its files, and what became of them."""

from pathlib import Path

from loading_home import LoadingHome

CUSTOMERS = "branch__customers"
COLUMNS = {"customer_key": "번호", "customer_name": "이름", "birth_date": "생일"}
HEADER = "번호,이름,생일"


def customer_file(*numbers: int, name: str = "김은경") -> str:
    return "\n".join([HEADER, *(f"K{number},{name},1990-01-31" for number in numbers)]) + "\n"


def deliver(home: LoadingHome, day: int, content: str | bytes) -> Path:
    return home.deliver(f"customers_202401{day:02}.csv", content, codec="cp949")


def raw_keys(home: LoadingHome) -> set[str]:
    return {key for (key,) in home.rows(f"select customer_key from raw.{CUSTOMERS}")}


def held(home: LoadingHome) -> dict[int, tuple[str, str]]:
    """Row number -> (reasons, record) of what is in quarantine."""
    return {row[0]: row[1:] for row in home.rows("select row_number, reasons, record from quarantine.rows")}
