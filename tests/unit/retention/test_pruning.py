"""Raw rows and archived batches go by age; what still says how things are stays, and nothing that went comes back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.contracts import Feed, feeds
from pipelines.errors import UsageError
from pipelines.ledger.basis_hash import known_basis_hash
from pipelines.ledger.decisions import Author
from pipelines.ledger.loads import known
from pipelines.ledger.prunings import pruned_since
from pipelines.loading.look import look
from pipelines.loading.reload import Reload
from pipelines.repair.decided import find_deliveries, load_what_is_stale, restore, retract
from pipelines.replay.rebuild import rebuild
from pipelines.retention import pruning
from pipelines.retention.prunable import Prunable, prunable_rows
from pipelines.retention.pruning import kept_for_look_ups, prunable_history
from pipelines.sources import deliveries
from pipelines.sources.deliveries import find_arrivals

TRANSACTIONS, CONTRACTS = "branch__transactions", "branch__contracts"
AREAS, RESPONSES = "demographics__areas", "campaign__responses"
DAYS = 30
FIRST_OPEN = date(2024, 1, 3)
TODAY = FIRST_OPEN + timedelta(DAYS)
JUDGED = "select batch_id, suite, expectation, severity, rows_failed from ledger.gate_results order by all"
AUTHOR = Author("steward", datetime(2024, 2, 1), "seen the paper")


def keep(monkeypatch: pytest.MonkeyPatch, feed: str, **days: int | None) -> None:
    """Have the feed's contract keep raw rows, and archived batches where it is said, for so many days."""
    kept = {"quarantine_days": DAYS, "raw_days": DAYS, **days}
    monkeypatch.setitem(feeds(), feed, feeds()[feed].model_copy(update=kept))


@pytest.fixture
def sales(home: LoadingHome) -> LoadingHome:
    """A home with transactions of 1, 2, 3 and 4 January: two each, the first also has a bad one and a duplicate."""
    columns: dict[str, Any] = {name: name for name in ("transaction_key", "transacted_at", "amount")}
    columns["amount_role"] = {"constant": "sale"}
    home.add_source(TRANSACTIONS, "sales_{date:%Y%m%d}.csv", columns, codec="utf-8")
    deliver_sales(home, 1, *(f"A{number}" for number in range(40)), "A0", "B1,never,1\n")
    for day in (2, 3, 4):
        deliver_sales(home, day, f"{day}A", f"{day}B")
    home.load(TRANSACTIONS)
    return home


def deliver_sales(home: LoadingHome, day: int, *keys: str) -> Path:
    lines = [key if "," in key else f"{key},2024-01-0{day} 10:00,100\n" for key in keys]
    return home.deliver(f"sales_2024010{day}.csv", "transaction_key,transacted_at,amount\n" + "".join(lines))


def prunables(home: LoadingHome, act: Callable[[Prunable], object], today: date = TODAY) -> list[tuple[str, int]]:
    """What may go of raw and archive, as (what, count), each given to `act` after all was found."""
    with connected(home.settings, home.settings.warehouse) as warehouse:
        found = list(prunable_history(warehouse, home.settings, home.sources_file(), today))
        for one in found:
            act(one)
    return [(one.what, one.count) for one in found]


def told(home: LoadingHome) -> list[tuple[str, int]]:
    return prunables(home, lambda one: None)


def prune(home: LoadingHome) -> list[tuple[str, int]]:
    """What `crmdw prune --apply` does to the quarantine, raw and the archive."""
    with connected(home.settings, home.settings.warehouse) as warehouse:
        for one in prunable_rows(warehouse, TODAY):
            one.remove()
    return prunables(home, lambda one: one.remove())


def remake(home: LoadingHome) -> None:
    rebuild(home.settings, home.sources_file(), "rebuild", lambda *_: None)


def lines(home: LoadingHome) -> list[tuple]:
    """The ledger without what tells of a run: batches, counts, verdicts, what is in force and what was pruned."""
    return home.rows(
        "select loads.feed, delivery_date, part, batch_id, rows_read, rows_loaded, rows_quarantined, rows_duplicate, "
        "rows_unchanged, rows_blocked, rows_fixed, verdict, reason, superseded_by, is_retracted, delivered_before, "
        "rows_pruned from ledger.loads as loads left join ledger.pruned_batches using (batch_id) "
        "where is_current or is_retracted order by all"
    )


def raw_keys(home: LoadingHome, feed: str = TRANSACTIONS) -> list[tuple]:
    key = feeds()[feed].key[0]
    return home.rows(f"select {key}, delivery_date::varchar from raw.{feed} order by all")


def unbalanced(home: LoadingHome, feed: str) -> list[tuple]:
    """The batches of which raw does not hold what was loaded and fixed but not pruned."""
    return home.rows(
        f"""
        with raw as (select batch_id, count(*) as rows from raw.{feed} group by batch_id)
        select loads.batch_id
        from ledger.loads as loads
        left join ledger.pruned_batches as pruned using (batch_id)
        left join raw using (batch_id)
        where
            is_current and loads.feed = ?
            and rows_loaded + rows_fixed - coalesce(rows_pruned, 0) <> coalesce(raw.rows, 0)
        """,
        feed,
    )


def archived(home: LoadingHome, feed: str) -> int:
    return len(list((home.settings.archive / feed).glob("*/*.parquet")))


def test_nothing_goes_where_no_contract_says_so(sales: LoadingHome) -> None:
    with connected(sales.settings, sales.settings.warehouse) as warehouse:
        assert list(prunable_history(warehouse, sales.settings, sales.sources_file(), date(2100, 1, 1))) == []


def test_events_go_by_the_day_of_their_delivery_and_every_count_of_arrival_stays(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS)
    before = [line[:-2] for line in lines(sales)]
    what = [(f"rows of {TRANSACTIONS} in raw, delivered before 2024-01-03", 42)]
    assert told(sales) == what
    assert len(raw_keys(sales)) == 46
    assert prune(sales) == what
    assert raw_keys(sales) == [(f"{day}{key}", f"2024-01-0{day}") for day in (3, 4) for key in "AB"]
    assert [line[:-2] for line in lines(sales)] == before
    assert [line[-2:] for line in lines(sales)] == [(FIRST_OPEN, 40), (FIRST_OPEN, 2), (None, None), (None, None)]
    assert unbalanced(sales, TRANSACTIONS) == []
    assert prune(sales) == []
    assert archived(sales, TRANSACTIONS) == 4


def test_what_the_marts_are_made_of_has_changed_after_a_pruning(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> str:
        with connected(sales.settings, sales.settings.warehouse, read_only=True) as warehouse:
            return known_basis_hash(warehouse)

    keep(monkeypatch, TRANSACTIONS)
    before = state()
    told(sales)
    assert state() == before
    prune(sales)
    assert state() != before


def test_a_file_of_a_closed_day_is_not_loaded_again_and_a_new_one_is_told_with_its_remedy(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS)
    prune(sales)
    kept = raw_keys(sales)
    known_file = sales.inbox / "sales_20240102.csv"
    known_file.touch()
    assert (sales.load(TRANSACTIONS).batches, sales.load(TRANSACTIONS, reload=Reload()).batches) == (0, 2)
    corrected = deliver_sales(sales, 2, "2A", "2B", "2C")
    loaded = sales.load(TRANSACTIONS)
    assert loaded.batches == 0
    assert loaded.refused == [
        f"{corrected}: not loaded: {TRANSACTIONS} was pruned of all that was delivered before 2024-01-03. Remedy: say "
        "`start: 2024-01-03` in the source's entry, or deliver it for that day or a later one"
    ]
    sales.sources[0]["start"] = "2024-01-03"
    assert sales.load(TRANSACTIONS).refused == []
    deliver_sales(sales, 3, "3A", "3B", "3C")
    assert sales.load(TRANSACTIONS).batches == 1
    assert raw_keys(sales) == sorted([*kept, ("3C", "2024-01-03")])
    assert unbalanced(sales, TRANSACTIONS) == []


def test_a_closed_day_is_neither_withdrawn_nor_put_back(sales: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    first = date(2024, 1, 1)
    retract(
        sales.settings, sales.sources_file(), find_deliveries(sales.settings, TRANSACTIONS, first, None, None), AUTHOR
    )
    keep(monkeypatch, TRANSACTIONS)
    prune(sales)
    closed = "was pruned of all that was delivered before 2024-01-03"
    with pytest.raises(UsageError, match=closed):
        find_deliveries(sales.settings, TRANSACTIONS, date(2024, 1, 2), None, None)
    with pytest.raises(UsageError, match=closed):
        restore(sales.settings, sales.sources_file(), TRANSACTIONS, first, None, None, AUTHOR)
    assert find_deliveries(sales.settings, TRANSACTIONS, FIRST_OPEN, None, None)


def test_a_required_day_that_was_pruned_is_not_missing(sales: LoadingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2024, 1, 4, 20, tzinfo=UTC)
    assert look(sales.settings, now).completeness.is_complete
    keep(monkeypatch, TRANSACTIONS, archive_days=DAYS)
    prune(sales)
    after = look(sales.settings, now).completeness
    assert (after.is_complete, after.complete_date) == (True, date(2024, 1, 4))


@pytest.mark.parametrize("archive_days", [None, DAYS + 1, DAYS])
def test_a_rebuild_brings_nothing_back_and_the_ledger_as_it_was(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch, archive_days: int | None
) -> None:
    deliver_sales(sales, 2, "2A", "2B", "2C")
    sales.load(TRANSACTIONS)
    loads = find_deliveries(sales.settings, TRANSACTIONS, date(2024, 1, 2), None, None)
    retract(sales.settings, sales.sources_file(), loads, AUTHOR)
    keep(monkeypatch, TRANSACTIONS, archive_days=archive_days)
    prune(sales)
    before, kept = lines(sales), raw_keys(sales)
    results = sales.rows(JUDGED)
    assert archived(sales, TRANSACTIONS) == {None: 5, DAYS + 1: 4, DAYS: 2}[archive_days]
    assert len(list((sales.settings.archive / TRANSACTIONS).glob("*/manifest.json"))) == 5
    # A rebuild of what a rebuild has made comes to the same; of one kind of home is enough to tell.
    for _ in "12" if archive_days == DAYS else "1":
        remake(sales)
        assert (lines(sales), raw_keys(sales)) == (before, kept)
        assert sales.rows(JUDGED) == results
        assert sales.rows("select * from quarantine.rows") == []
        assert unbalanced(sales, TRANSACTIONS) == []
        loaded = sales.load(TRANSACTIONS)
        assert (loaded.batches, loaded.refused) == (0, [])
    assert prune(sales) == []


def test_the_last_state_of_a_key_stays_however_old_and_so_does_its_batch(
    home: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {name: name for name in ("contract_key", "signed_date", "status")}
    home.add_source(CONTRACTS, "contracts_{date:%Y%m%d}.csv", columns, codec="utf-8")
    states = {1: "C1,C2", 2: "C1,C3", 3: "C1", 4: "C3"}
    for day, keys in states.items():
        rows = "".join(f"{key},2024-01-01,active\n" for key in keys.split(","))
        home.deliver(f"contracts_2024010{day}.csv", f"contract_key,signed_date,status\n{rows}")
    home.load(CONTRACTS)
    # Of one slot, what was superseded goes with what took its place, or stays with it.
    mended = "contract_key,signed_date,status\nC1,2024-01-01,suspended\nC2,2024-01-01,active\n"
    home.deliver("contracts_20240101.csv", mended)
    home.load(CONTRACTS)
    keep(monkeypatch, CONTRACTS, archive_days=DAYS)
    assert prune(home) == [(f"rows of {CONTRACTS} in raw, delivered before 2024-01-03", 1)]
    now = [("C1", "2024-01-02"), ("C1", "2024-01-03"), ("C2", "2024-01-01"), ("C3", "2024-01-02"), ("C3", "2024-01-04")]
    assert raw_keys(home, CONTRACTS) == now
    assert unbalanced(home, CONTRACTS) == []
    assert archived(home, CONTRACTS) == 5
    before = lines(home)
    remake(home)
    assert (lines(home), raw_keys(home, CONTRACTS)) == (before, now)


def test_a_snapshot_is_still_compared_with_the_rows_in_force_before_it(
    home: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add_source(AREAS, "areas_{date:%Y%m%d}.csv", {"area_key": "area_key", "town": "town"}, codec="utf-8")
    for day, (first, second) in enumerate([("a", "x"), ("b", "x"), ("b", "x"), ("c", "x")], start=1):
        home.deliver(f"areas_2024010{day}.csv", f"area_key,town\n1,{first}\n2,{second}\n")
    home.load(AREAS)
    keep(monkeypatch, AREAS)
    prune(home)
    kept = [("1", "2024-01-02"), ("1", "2024-01-04"), ("2", "2024-01-01")]
    assert raw_keys(home, AREAS) == kept
    before = lines(home)
    home.load(AREAS, reload=Reload())
    assert (lines(home), raw_keys(home, AREAS)) == (before, kept)
    loads = find_deliveries(home.settings, AREAS, date(2024, 1, 3), None, None)
    retract(home.settings, home.sources_file(), loads, AUTHOR)
    load_what_is_stale(home.settings, home.sources_file(), "run", lambda *_: None)
    assert raw_keys(home, AREAS) == kept
    assert unbalanced(home, AREAS) == []
    remake(home)
    assert raw_keys(home, AREAS) == kept


def test_what_a_kill_before_the_files_left_is_removed_by_the_next_pruning(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS, archive_days=DAYS)
    with monkeypatch.context() as killed:
        killed.setattr(pruning, "remove_files", lambda *files: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prune(sales)
    assert archived(sales, TRANSACTIONS) == 4
    before = lines(sales)
    # What was decided has to be in the copies by then.
    sales.settings.warehouse.unlink()
    remake(sales)
    assert lines(sales) == before
    assert prune(sales) == [("archived files that a pruning was stopped at", 2)]
    assert archived(sales, TRANSACTIONS) == 2
    assert prune(sales) == []


def test_what_a_kill_before_the_ledger_left_is_pruned_by_the_next(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS, archive_days=DAYS)
    before = lines(sales), raw_keys(sales)
    with monkeypatch.context() as killed:
        killed.setattr(pruning, "_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prune(sales)
    assert (lines(sales), raw_keys(sales)) == before
    assert [count for _, count in prune(sales)] == [42, 2]


def test_a_feed_that_others_look_values_up_in_keeps_its_rows(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS)
    look_up = {"look_up": TRANSACTIONS, "match": {"transaction_key": "sale"}, "take": "transacted_at"}
    columns = {"response_key": "response", "response_type": "type", "responded_at": look_up}
    sales.add_source(RESPONSES, "responses.csv", columns, codec="utf-8")
    assert dict(kept_for_look_ups(sales.sources_file())) == {TRANSACTIONS: [RESPONSES]}
    assert prune(sales) == []


def test_what_looks_up_a_withdrawn_delivery_is_not_marked_to_be_loaded_again_on_closed_days(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = {"look_up": TRANSACTIONS, "match": {"transaction_key": "sale"}, "take": "transacted_at"}
    columns = {"response_key": "response", "response_type": {"constant": "inquiry"}, "responded_at": look_up}
    sales.add_source(RESPONSES, "responses_{date:%Y%m%d}.csv", columns, codec="utf-8")
    for day in (2, 3):
        sales.deliver(f"responses_2024010{day}.csv", f"response,sale\nR{day},A1\n")
    sales.load(RESPONSES)
    keep(monkeypatch, RESPONSES)
    assert prune(sales) == [(f"rows of {RESPONSES} in raw, delivered before 2024-01-03", 1)]
    loads = find_deliveries(sales.settings, TRANSACTIONS, date(2024, 1, 1), None, None)
    retract(sales.settings, sales.sources_file(), loads, AUTHOR)
    stale = "select feed, delivery_date::varchar from ledger.loads where is_current and is_stale"
    assert sales.rows(stale) == [(RESPONSES, "2024-01-03")]
    assert sales.load(RESPONSES).batches == 1
    assert sales.rows(stale) == []


def test_closed_days_of_a_database_are_not_asked_for_and_told_where_they_are_new(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS)
    prune(sales)
    columns = sales.sources.pop()["columns"]
    terms = {"format": "postgresql", "connection": "SOME_DATABASE", "table": "sales", "watermark": "transacted_at"}
    source = {"feed": TRANSACTIONS, "source_system": "shop", "start": "2024-01-01", "columns": columns} | terms
    sales.sources.append(source)
    asked: list[date] = []
    monkeypatch.setattr(deliveries, "day_contents", lambda source, zone, days: asked.extend(days) or {})
    with connected(sales.settings, sales.settings.warehouse, read_only=True) as warehouse:
        ledger = known(warehouse)
    arrivals = find_arrivals(ledger, sales.sources_file(), today=date(2024, 1, 5))
    assert asked == [FIRST_OPEN, date(2024, 1, 4)]
    (left_out,) = arrivals.left_out
    assert left_out.startswith("2024-01-01 and 1 more of shop: not loaded: branch__transactions was pruned of all")


def test_what_was_pruned_is_told_of_a_file_made_again_that_was_published_before(
    sales: LoadingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, TRANSACTIONS)
    prune(sales)
    with connected(sales.settings, sales.settings.warehouse, read_only=True) as warehouse:
        assert pruned_since(warehouse, datetime(2024, 1, 1)) == {TRANSACTIONS: FIRST_OPEN}
        assert pruned_since(warehouse, datetime(2999, 1, 1)) == {}


def test_a_home_from_before_there_was_any_pruning_has_no_closed_days(sales: LoadingHome) -> None:
    with connected(sales.settings, sales.settings.warehouse) as warehouse:
        warehouse.execute("drop table ledger.pruned_batches")
        assert known(warehouse).closed == {}
    loads = find_deliveries(sales.settings, TRANSACTIONS, date(2024, 1, 1), None, None)
    retract(sales.settings, sales.sources_file(), loads, AUTHOR)


@pytest.mark.parametrize(
    ("feed", "days", "fault"),
    [
        (TRANSACTIONS, {"raw_days": 500, "archive_days": 499}, "archive_days is less than raw_days"),
        (TRANSACTIONS, {"archive_days": 500}, "archive_days is less than raw_days"),
        (TRANSACTIONS, {"raw_days": 399}, "raw_days is less than quarantine_days"),
        (AREAS, {"raw_days": 400, "archive_days": 400}, "a snapshot has no archive_days"),
        ("branch__customers", {"raw_days": 400}, "the customers' feed has no raw_days"),
    ],
)
def test_a_contract_that_would_lose_what_is_needed_is_none(feed: str, days: dict[str, int], fault: str) -> None:
    stated = feeds()[feed].model_dump()
    with pytest.raises(ValueError, match=fault):
        Feed(**stated | days)
    Feed(**stated)


def test_a_contract_may_keep_raw_and_archive_for_as_long_as_the_quarantine() -> None:
    stated = feeds()[TRANSACTIONS].model_dump()
    assert Feed(**stated | {"raw_days": 400, "archive_days": 400}).archive_days == 400
