"""The rules over batches, each with a delivery that it passes and one that it fails, beside their history."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.connections import connected, identifier
from pipelines.contracts import Feed, Volume, feeds
from pipelines.gate.comparisons import compare_batches
from pipelines.ledger.tables import create_tables
from pipelines.settings import Settings
from pipelines.sources.mapping import create_mapped_rows

Row = dict[str, Any]

READABLE = "the file can be read and has the contract's columns"
TOLERANCE = "no more rows are held back than the contract tolerates"
AS_LARGE = "the delivery is as large as those before it"
NOT_LARGER = "the delivery is not far larger than any before it"
SAME_COLUMNS = "the columns are those of the last delivery"
NOT_SENSITIVE = "no key or code holds what looks like a resident or card number"
FEED = "branch__transactions"
# A Wednesday; the five workdays before it are from Wednesday to Tuesday.
DAY = date(2024, 5, 15)
BATCH: Row = {
    "row_number": 0,
    "source_system": "branch",
    "delivery_date": DAY,
    "part": "",
    "reading_hash": "read",
    "tolerance": 0.05,
    "fault": None,
    "source_columns": None,
    "rows_read": 100,
    "rows_quarantined": 0,
}


class Gate:
    """A gate's database and the warehouse beside it, as they are when the rows have been judged."""

    def __init__(self, folder: Path, feed: Feed) -> None:
        folder.mkdir(exist_ok=True)
        self.settings = Settings(folder, folder / "sources.yml", "1GB", 2, 3)
        self.feed = feed
        self.lines: list[Row] = []
        # What is put into the gate and into the warehouse when they are asked, each by one connection.
        self.of_gate: list[tuple[str, Row]] = []
        self.of_warehouse: list[tuple[str, Row]] = []
        self.file = folder / "gate.duckdb"
        with connected(self.settings, self.settings.warehouse) as warehouse:
            create_tables(warehouse)
        with connected(self.settings, self.file) as gate:
            gate.execute(
                "create table batches (batch_id varchar, row_number bigint, source_system varchar, delivery_date date, "
                "part varchar, reading_hash varchar, tolerance double, fault varchar, source_columns varchar, "
                "rows_read bigint, rows_quarantined bigint, rows_unparsed bigint default 0)"
            )
            create_mapped_rows(gate, feed)
            gate.execute("create view gate_rows as from mapped_rows")
            gate.execute("create table held (batch_id varchar, row_number bigint)")
            gate.execute("create table sensitive_hits (batch_id varchar, column_name varchar, hits bigint)")

    def add(self, batch_id: str, **changes: Any) -> None:
        self.insert("batches", BATCH | {"batch_id": batch_id} | changes)

    def insert(self, table: str, row: Row) -> None:
        self.of_gate.append((table, row))

    def loaded(self, day: date, **changes: Any) -> None:
        """A line of the ledger."""
        number = len(self.lines)
        rows = changes.get("rows_read", 100)
        refused = changes.get("verdict") == "refused"
        line = {
            "load_number": number,
            "batch_id": f"loaded {number}",
            "source_system": "branch",
            "feed": self.feed.name,
            "delivery_date": day,
            "part": "",
            "file": "a file",
            "file_hash": "hash",
            "reading_hash": "read",
            "rows_read": rows,
            "rows_loaded": 0 if refused else rows,
            "rows_quarantined": rows if refused else 0,
            "verdict": "loaded",
            "is_current": True,
            "run_id": "run",
            "loaded_at": day,
        }
        self.lines.append(line | changes)

    def beside(self, name: str) -> Gate:
        """Another gate with the same history."""
        other = Gate(self.settings.home / name, self.feed)
        other.lines = list(self.lines)
        return other

    def known(self, table: str, row: Row) -> None:
        """A row of a raw table."""
        self.of_warehouse.append((f"raw.{table}", row))

    def results(self) -> dict[str, dict[str, tuple[str, str]]]:
        """Rule -> batch -> observed and limit, of the batches that fail it."""
        from expectations.batches import suite  # noqa: PLC0415 (importing Great Expectations takes seconds)
        from pipelines.gate.engine import judge  # noqa: PLC0415

        found: dict[str, dict[str, tuple[str, str]]] = {}
        with connected(self.settings, self.settings.warehouse) as warehouse:
            needed = warehouse.execute(
                "select column_name from duckdb_columns() "
                "where schema_name = 'ledger' and table_name = 'loads' and not is_nullable"
            ).fetchall()
            zeros = {name: 0 for (name,) in needed}
            _insert(warehouse, [*self.of_warehouse, *(("ledger.loads", zeros | line) for line in self.lines)])
        with connected(self.settings, self.file) as gate:
            _insert(gate, self.of_gate)
            compare_batches(gate, self.settings, self.feed)
            for judgement in judge(gate, "judged_batches", suite(self.feed)):
                told = f"select batch_id, {judgement.observed}, {judgement.limit} from judged_batches order by batch_id"
                assert all(None not in line for line in gate.execute(told).fetchall()), "a passing batch says it too"
                if judgement.failing_rows:
                    failing = [row[0] for row in gate.execute(judgement.failing_rows).fetchall()]
                    lines = gate.execute(told).fetchall()
                    found[judgement.rule] = {line[0]: line[1:] for line in lines if line[0] in failing}
        return found


def _insert(connection: Any, rows: list[tuple[str, Row]]) -> None:
    """All in one transaction: each row by itself would be put onto the disk."""
    connection.execute("begin")
    for table, row in rows:
        names = ", ".join(identifier(name) for name in row)
        connection.execute(f"insert into {table} ({names}) values ({', '.join('?' * len(row))})", list(row.values()))
    connection.execute("commit")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path, feeds()[FEED])


def workdays(count: int) -> list[date]:
    """The last `count` workdays before DAY."""
    days = [DAY - timedelta(back) for back in range(1, 2 * count + 7)]
    return [day for day in days if day.isoweekday() <= 5][:count]


def test_a_batch_is_refused_for_a_fault_or_for_more_held_rows_than_tolerated(gate: Gate) -> None:
    for name, tolerance, read, quarantined, fault in [
        ("clean", 0.05, 100, 0, None),
        ("empty", 0.05, 0, 0, None),
        ("at the tolerance", 0.05, 100, 5, None),
        ("above the tolerance", 0.05, 100, 6, None),
        ("one bad row of a small day", 0.05, 3, 1, None),
        ("two bad rows of a small day", 0.05, 3, 2, None),
        ("one bad row where none is tolerated", 0, 1000, 1, None),
        ("unreadable", 0.05, 0, 0, "customers.csv: row 1: the columns are missing"),
    ]:
        gate.add(name, part=name, tolerance=tolerance, rows_read=read, rows_quarantined=quarantined, fault=fault)
    assert gate.results() == {
        READABLE: {"unreadable": ("not readable", "readable")},
        TOLERANCE: {
            "above the tolerance": ("6 of 100 rows", "5 rows"),
            "two bad rows of a small day": ("2 of 3 rows", "1 rows"),
            "one bad row where none is tolerated": ("1 of 1000 rows", "0 rows"),
        },
    }


def test_an_empty_or_half_size_day_is_noticed(gate: Gate) -> None:
    """The last workdays had 90 to 110 rows; fewer than 60 are too few, and what other deliveries had does not count."""
    for day, rows in zip(workdays(8), (90, 95, 100, 100, 100, 100, 105, 110), strict=True):
        gate.loaded(day, rows_read=rows)
        gate.loaded(day, rows_read=1000, source_system="another")
        gate.loaded(day, rows_read=1000, part="another")
        gate.loaded(day, rows_read=1000, is_current=False)
        gate.loaded(day, rows_read=1000, feed="branch__customers")
    gate.loaded(DAY + timedelta(1), rows_read=1000)
    for back in (3, 4):
        gate.loaded(DAY - timedelta(back), rows_read=3)  # a weekend
    for name, rows in (("empty", 0), ("half", 50), ("just too few", 59), ("just enough", 60), ("usual", 100)):
        with_one_batch = gate.beside(name)
        with_one_batch.add(name, rows_read=rows)
        limit = "at least 60 rows, where 100 are expected"
        expected = {} if rows >= 60 else {AS_LARGE: {name: (f"{rows} rows", limit)}}
        assert with_one_batch.results() == expected
    weekend = gate.beside("weekend")
    weekend.add("a Saturday", delivery_date=DAY + timedelta(3), rows_read=3)
    assert weekend.results() == {}


def test_a_size_is_expected_of_four_deliveries_that_are_large_enough_to_say_something(gate: Gate) -> None:
    for day in workdays(3):
        gate.loaded(day, source_system="young")
    for day in workdays(8):
        gate.loaded(day, source_system="small", rows_read=9)
        gate.loaded(day, source_system="not so small", rows_read=10)
    for system in ("young", "small", "not so small"):
        gate.add(system, source_system=system, rows_read=0)
    assert gate.results() == {AS_LARGE: {"not so small": ("0 rows", "at least 1 rows, where 10 are expected")}}


def test_the_history_is_the_ledgers_and_the_same_passs(gate: Gate) -> None:
    """N daily runs see what one sees: faulty deliveries are no history, refused ones are; corrected ones count once."""
    first, *others = workdays(6)
    for day in others[:2]:
        gate.loaded(day)
    gate.loaded(others[2], verdict="refused")
    gate.loaded(others[3], rows_read=0, fault="unreadable", verdict="refused")
    gate.loaded(others[4], rows_read=0)
    gate.add("corrects", delivery_date=others[4])
    gate.add("the same pass", delivery_date=first)
    gate.add("judged", rows_read=30)
    found = gate.results()
    assert set(found) == {AS_LARGE}
    assert set(found[AS_LARGE]) == {"judged"}


def test_a_delivery_far_larger_than_any_of_the_last_month_is_noticed(gate: Gate) -> None:
    for day in (DAY - timedelta(back) for back in range(1, 32)):
        gate.loaded(day)
        gate.loaded(day, source_system="small", rows_read=1)
        if day < DAY - timedelta(1):
            gate.loaded(day, source_system="young")
    gate.add("three times", part="", rows_read=300)
    gate.add("small", source_system="small", rows_read=27)
    gate.add("young", source_system="young", rows_read=1000)
    assert gate.results() == {}
    more = gate.beside("more")
    more.add("more than three times", rows_read=301)
    more.add("small", source_system="small", rows_read=28)
    assert more.results() == {
        NOT_LARGER: {"more than three times": ("301 rows", "at most 300 rows"), "small": ("28 rows", "at most 27 rows")}
    }


def test_the_contract_says_how_far_the_volume_may_be_off_and_whether_that_refuses(tmp_path: Path) -> None:
    from expectations.batches import suite  # noqa: PLC0415

    strict = feeds()[FEED].model_copy(update={"volume": Volume(least_share=0.9, severity="critical")})
    gate = Gate(tmp_path, strict)
    for day in workdays(8):
        gate.loaded(day, rows_read=10_000)
    gate.add("nine tenths", rows_read=8_999)
    assert gate.results() == {AS_LARGE: {"nine tenths": ("8999 rows", "at least 9000 rows, where 10000 are expected")}}
    severities = {rule.description: rule.severity.value for rule in suite(strict).expectations}
    assert severities[AS_LARGE] == "critical"
    assert severities[NOT_LARGER] == "warning"


@pytest.mark.parametrize(
    ("columns", "observed"),
    [
        ("a varchar, b bigint", None),
        ("a varchar, b bigint, c double", "new: c double"),
        ("a varchar", "gone: b bigint"),
        ("b bigint, a varchar", "in another order"),
        ("a varchar, b varchar", "new: b varchar; gone: b bigint"),
        ("b varchar, c varchar", "new: b varchar, c varchar; gone: a varchar, b bigint"),
    ],
)
def test_columns_that_changed_since_the_last_delivery_are_told(gate: Gate, columns: str, observed: str | None) -> None:
    gate.loaded(DAY - timedelta(9), source_columns="a varchar, b bigint")
    gate.loaded(DAY - timedelta(8), source_columns="other varchar", reading_hash="another entry of the sources file")
    gate.loaded(DAY - timedelta(8), source_columns="other varchar", source_system="another")
    gate.loaded(DAY - timedelta(7), source_columns="no header", fault="unreadable", verdict="refused")
    gate.loaded(DAY - timedelta(6))
    gate.add("judged", source_columns=columns)
    found = gate.results()
    assert found == ({SAME_COLUMNS: {"judged": (observed, "as delivered on 2024-05-06")}} if observed else {})


def test_what_looks_like_a_sensitive_number_in_a_key_is_told_without_the_value(gate: Gate) -> None:
    gate.add("clean", part="1")
    gate.add("hit", part="2")
    for batch, column, hits in (("clean", "customer_key", 0), ("hit", "customer_key", 3), ("hit", "channel", 1)):
        gate.insert("sensitive_hits", {"batch_id": batch, "column_name": column, "hits": hits})
    assert gate.results() == {NOT_SENSITIVE: {"hit": ("channel: 1 values, customer_key: 3 values", "0 values")}}


@pytest.mark.parametrize("feed", [feed for feed in feeds().values() if any(c.references for c in feed.columns)])
def test_a_key_that_nobody_delivered_until_then_is_counted(feed: Feed, tmp_path: Path) -> None:
    gate = Gate(tmp_path, feed)
    columns = [column for column in feed.columns if column.references]
    for referred in {
        feeds()[column.references or ""].name: feeds()[column.references or ""] for column in columns
    }.values():
        assert len(referred.key) == 1, "a key points to one column"
        for system, key, day in (
            ("branch", "known", DAY),
            ("branch", "known", DAY - timedelta(9)),
            ("another", "of another system", DAY - timedelta(9)),
            ("branch", "delivered later", DAY + timedelta(1)),
        ):
            gate.known(referred.name, {"source_system": system, referred.key[0]: key, "delivery_date": day})
    wanted = ["known", "of another system", "delivered later", "never delivered", None]
    early = "before the first delivery"
    for batch_id, day in (("judged", DAY), (early, DAY - timedelta(10))):
        gate.add(batch_id, delivery_date=day)
        for number, key in enumerate(wanted):
            row = {"batch_id": batch_id, "row_number": number, "delivery_date": day, "source_system": "branch"}
            for column in columns:
                assert column.companion
                row |= {column.name: key, column.companion: "branch" if key else None}
            gate.insert("mapped_rows", row)
    expected = {}
    for column in columns:
        # A delivery of the own feed is itself the first one.
        is_own = column.references == feed.name
        too_many = {"judged": ("3 of 4 rows", "0 rows")} | ({early: ("4 of 4 rows", "0 rows")} if is_own else {})
        expected[f"every {column.name} was delivered by {column.references}"] = too_many
    assert gate.results() == expected


def test_a_key_of_the_own_feed_may_stand_in_the_same_delivery_unless_it_is_held(tmp_path: Path) -> None:
    gate = Gate(tmp_path, feeds()["branch__products"])
    gate.add("judged")
    for number, (key, following) in enumerate([("first", "second"), ("second", "held"), ("held", None)]):
        row = {"batch_id": "judged", "row_number": number, "delivery_date": DAY, "source_system": "branch"}
        companion = {"next_product_system": "branch"} if following else {}
        gate.insert("mapped_rows", row | {"product_key": key, "next_product_key": following} | companion)
    gate.insert("held", {"batch_id": "judged", "row_number": 2})
    rule = "every next_product_key was delivered by branch__products"
    assert gate.results() == {rule: {"judged": ("1 of 2 rows", "0 rows")}}


def test_every_rule_over_batches_has_its_cases_here() -> None:
    from expectations.batches import suite  # noqa: PLC0415

    tested = {READABLE, TOLERANCE, AS_LARGE, NOT_LARGER, SAME_COLUMNS, NOT_SENSITIVE}
    for feed in feeds().values():
        references = {f"every {c.name} was delivered by {c.references}" for c in feed.columns if c.references}
        rules = {rule.description: rule.severity.value for rule in suite(feed).expectations}
        assert set(rules) == tested | references
        assert {rule for rule, severity in rules.items() if severity == "critical"} == {READABLE, TOLERANCE}
