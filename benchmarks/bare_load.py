"""What a bare script does with the same files: INSERT ... FROM read_csv into a table of the contract's types.

python benchmarks/bare_load.py HOME [CODEC]     another codec is decoded by Python first, into files beside
"""

import sys
from pathlib import Path

import duckdb

_TYPES = {
    **dict.fromkeys(("거래번호", "고객번호", "계약번호", "상품코드", "취급점"), "varchar"),
    "거래일시": "timestamp",
    **dict.fromkeys(("거래구분", "금액구분", "발생주체", "거래경로"), "varchar"),
    "수량": "decimal(18,3)",
    **dict.fromkeys(("거래금액", "할인금액", "마진금액"), "decimal(18,2)"),
}
_CHUNK_CHARACTERS = 8 << 20


def main() -> None:
    """Decode where asked, then insert."""
    home, codec = Path(sys.argv[1]), (sys.argv[2:] or ["utf-8"])[0]
    files = sorted((home / "inbox").glob("*.csv"))
    if codec != "utf-8":
        files = [_decoded(path, codec) for path in files]
    database = home / "bare.duckdb"
    database.unlink(missing_ok=True)
    limits = {"memory_limit": "1GB", "threads": 2, "temp_directory": str(home / "bare_spill")}
    with duckdb.connect(str(database), config=limits) as connection:
        columns = ", ".join(f'"{name}" {data_type}' for name, data_type in _TYPES.items())
        connection.execute(f"create table transactions ({columns})")
        connection.execute(
            "insert into transactions from read_csv($files, header = true, columns = $types)",
            {"files": [str(path) for path in files], "types": _TYPES},
        )
        print(connection.execute("select count(*) from transactions").fetchone())


def _decoded(path: Path, codec: str) -> Path:
    target = path.with_suffix(".utf8")
    with path.open(encoding=codec, newline="") as source, target.open("w", encoding="utf-8", newline="") as written:
        while text := source.read(_CHUNK_CHARACTERS):
            written.write(text)
    return target


if __name__ == "__main__":
    main()
