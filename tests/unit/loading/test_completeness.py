"""When a delivery is overdue, what a refusal means, and up to which day all required feeds are loaded."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipelines.ledger.loads import Load
from pipelines.loading.completeness import Completeness, assess
from pipelines.sources.configuration import SourcesFile

SEOUL = ZoneInfo("Asia/Seoul")
# A Monday.
START = date(2024, 1, 1)


def source(cadence: str = "daily", required: bool = True, **settings: Any) -> dict[str, Any]:
    stated = {"path": "a.csv"} if "delivery_date" in settings else {"path": "a_{date}.csv", "start": START}
    return (
        {
            "feed": "branch__customers",
            "source_system": "branch",
            "format": "csv",
            "delivery": {"cadence": cadence, "due": "04:30", "required": required},
            "columns": {"customer_key": "number"},
        }
        | stated
        | settings
    )


def load(
    day: date, verdict: str = "loaded", feed: str = "branch__customers", system: str = "branch", part: str = ""
) -> Load:
    return Load(
        load_number=1,
        batch_id="b",
        source_system=system,
        feed=feed,
        delivery_date=day,
        part=part,
        file=f"a_{day}.csv",
        file_hash="hash",
        reading_hash="hash",
        fault=None,
        source_columns=None,
        rows_read=1,
        verdict=verdict,
        reason="why not" if verdict == "refused" else None,
        loaded_at=datetime(2024, 1, 1),
        values_masked=0,
        is_stale=False,
    )


def at(sources: list[dict[str, Any]], loads: list[Load], now: datetime, zone: str = "Asia/Seoul") -> Completeness:
    return assess(
        SourcesFile.model_validate({"version": 1, "company": {"time_zone": zone}, "sources": sources}), loads, now
    )


def seoul(day: date, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=SEOUL)


def overdue_days(found: Completeness) -> list[date]:
    return [shortfall.delivery_date for shortfall in found.shortfalls if shortfall.kind == "overdue"]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def test_a_daily_delivery_is_overdue_from_its_due_time_the_day_after() -> None:
    sources, loads = [source()], [load(START)]
    assert overdue_days(at(sources, loads, seoul(date(2024, 1, 3), "04:29:59"))) == []
    found = at(sources, loads, seoul(date(2024, 1, 3), "04:30"))
    assert overdue_days(found) == [date(2024, 1, 2)]
    assert not found.is_complete
    assert found.required == [
        "branch branch__customers: the delivery for 2024-01-02 is overdue (due 04:30 the day after); "
        "expected as a_{date}.csv"
    ]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Asia/Seoul", [date(2024, 1, 2)]), ("Europe/London", []), ("Pacific/Auckland", [date(2024, 1, 2)])],
)
def test_the_due_time_is_of_the_companys_zone(zone: str, expected: list[date]) -> None:
    # In London it is still the evening of 2 January.
    now = datetime(2024, 1, 2, 19, 30, tzinfo=ZoneInfo("UTC"))
    assert overdue_days(at([source()], [load(START)], now, zone)) == expected


def test_nothing_is_owed_before_the_start_or_after_the_end() -> None:
    assert overdue_days(at([source()], [], seoul(date(2023, 12, 1), "12:00"))) == []
    assert overdue_days(at([source()], [], seoul(START, "12:00"))) == []
    ended = source(until=date(2024, 1, 3))
    assert overdue_days(at([ended], [], seoul(date(2024, 6, 1), "12:00"))) == days(START, date(2024, 1, 3))


def test_a_day_without_delivery_is_not_owed() -> None:
    found = at([source(no_delivery=[date(2024, 1, 2)])], [load(START)], seoul(date(2024, 1, 4), "12:00"))
    assert overdue_days(found) == [date(2024, 1, 3)]


def test_weekdays_owe_nothing_for_saturday_and_sunday() -> None:
    found = at([source("weekdays")], [], seoul(date(2024, 1, 9), "12:00"))
    assert overdue_days(found) == [*days(START, date(2024, 1, 5)), date(2024, 1, 8)]


def test_a_monthly_delivery_is_owed_once_a_month_on_whatever_day() -> None:
    sources, loads = [source("monthly")], [load(date(2024, 1, 17))]
    assert overdue_days(at(sources, [], seoul(date(2024, 1, 31), "12:00"))) == []
    assert overdue_days(at(sources, [], seoul(date(2024, 2, 1), "04:29"))) == []
    assert overdue_days(at(sources, [], seoul(date(2024, 2, 1), "04:30"))) == [START]
    assert overdue_days(at(sources, loads, seoul(date(2024, 2, 29), "12:00"))) == []
    found = at(sources, loads, seoul(date(2024, 3, 1), "04:30"))
    assert overdue_days(found) == [date(2024, 2, 1)]
    assert "the month of 2024-02-01" in found.required[0]


def test_a_feed_on_change_owes_its_first_delivery_alone() -> None:
    sources = [source("on_change")]
    assert overdue_days(at(sources, [], seoul(date(2024, 1, 2), "04:29"))) == []
    found = at(sources, [], seoul(date(2024, 1, 2), "04:30"))
    assert overdue_days(found) == [START] and "any day since 2024-01-01" in found.required[0]
    assert overdue_days(at(sources, [load(date(2024, 3, 1))], seoul(date(2024, 6, 1), "12:00"))) == []


def test_a_stated_slot_is_owed_once() -> None:
    sources = [source("once", delivery_date=date(2024, 1, 5))]
    assert overdue_days(at(sources, [], seoul(date(2024, 1, 6), "04:29"))) == []
    assert overdue_days(at(sources, [], seoul(date(2024, 1, 6), "04:30"))) == [date(2024, 1, 5)]
    assert overdue_days(at(sources, [load(date(2024, 1, 5))], seoul(date(2025, 1, 1), "12:00"))) == []


def test_a_refused_delivery_is_told_once_as_refused_and_not_as_overdue_too() -> None:
    loads = [load(START), load(date(2024, 1, 2), "refused")]
    found = at([source()], loads, seoul(date(2024, 1, 3), "04:30"))
    assert "a_2024-01-02.csv: refused: why not" in found.required
    assert [shortfall.kind for shortfall in found.shortfalls] == ["refused"]
    assert found.complete_date == START
    assert not found.is_complete


def test_an_optional_feed_stops_nothing() -> None:
    found = at([source(required=False)], [load(START, "refused")], seoul(date(2024, 1, 3), "12:00"))
    assert found.is_complete
    assert [shortfall.kind for shortfall in found.shortfalls if not shortfall.is_required] == ["overdue", "refused"]


def test_another_systems_delivery_does_not_count() -> None:
    sources = [source(), source(source_system="card", path="c_{date}.csv")]
    found = at(sources, [load(START, system="card")], seoul(date(2024, 1, 2), "12:00"))
    assert [(one.source_system, one.delivery_date) for one in found.shortfalls] == [("branch", START)]


class TestCompleteDate:
    """The last day with all required feeds loaded."""

    NOON = seoul(date(2024, 1, 10), "12:00")

    def test_it_is_the_day_before_a_gap(self) -> None:
        loads = [load(day) for day in days(START, date(2024, 1, 8)) if day != date(2024, 1, 4)]
        assert at([source()], loads, self.NOON).complete_date == date(2024, 1, 3)

    def test_without_a_gap_it_is_the_last_day_loaded(self) -> None:
        loads = [load(day) for day in days(START, date(2024, 1, 9))]
        assert at([source()], loads, self.NOON).complete_date == date(2024, 1, 9)

    def test_the_slowest_required_feed_sets_it_and_an_optional_one_does_not(self) -> None:
        other = source(source_system="card", path="c_{date}.csv")
        loads = [load(day) for day in days(START, date(2024, 1, 9))]
        loads += [load(day, system="card") for day in days(START, date(2024, 1, 6))]
        assert at([source(), other], loads, self.NOON).complete_date == date(2024, 1, 6)
        other["delivery"] = other["delivery"] | {"required": False}
        assert at([source(), other], loads, self.NOON).complete_date == date(2024, 1, 9)

    def test_days_on_which_nothing_is_owed_make_no_gap(self) -> None:
        loads = [load(day) for day in days(START, date(2024, 1, 9)) if day.weekday() < 5]
        assert at([source("weekdays")], loads, self.NOON).complete_date == date(2024, 1, 9)
        loads = [load(day) for day in days(START, date(2024, 1, 9)) if day != date(2024, 1, 4)]
        assert at([source(no_delivery=[date(2024, 1, 4)])], loads, self.NOON).complete_date == date(2024, 1, 9)

    def test_before_anything_is_loaded_there_is_none(self) -> None:
        assert at([source()], [], self.NOON).complete_date is None
        assert at([source()], [load(START, "refused")], self.NOON).complete_date is None

    def test_a_source_that_never_delivered_leaves_none(self) -> None:
        other = source(source_system="card", path="c_{date}.csv")
        loads = [load(day) for day in days(START, date(2024, 1, 9))]
        assert at([source(), other], loads, self.NOON).complete_date is None

    def test_a_source_that_starts_later_holds_back_no_day_before_its_start(self) -> None:
        other = source(source_system="card", path="c_{date}.csv", start=date(2024, 1, 6))
        loads = [load(day) for day in days(START, date(2024, 1, 9))]
        assert at([source(), other], loads, self.NOON).complete_date == date(2024, 1, 5)

    def test_stated_slots_alone_give_their_latest_common_day(self) -> None:
        sources = [
            source("once", delivery_date=date(2024, 1, 5)),
            source("once", delivery_date=date(2024, 1, 7), source_system="card"),
        ]
        loads = [load(date(2024, 1, 5)), load(date(2024, 1, 7), system="card")]
        assert at(sources, loads, self.NOON).complete_date == date(2024, 1, 5)

    def test_a_source_that_ended_holds_back_nothing_while_another_goes_on(self) -> None:
        sources = [
            source(feed="branch__transactions", source_system="old", path="o_{date}.csv", until=date(2024, 1, 5)),
            source(feed="branch__transactions", source_system="new", start=date(2024, 1, 6)),
        ]
        for one in sources:
            one["columns"] = {"transaction_key": "number"}
        loads = [load(day, feed="branch__transactions", system="old") for day in days(START, date(2024, 1, 5))]
        assert at(sources, loads, self.NOON).complete_date == date(2024, 1, 5)
        loads += [
            load(day, feed="branch__transactions", system="new") for day in days(date(2024, 1, 6), date(2024, 1, 30))
        ]
        assert at(sources, loads, self.NOON).complete_date == date(2024, 1, 30)
        # A gap of the old one still holds back what came after it.
        assert at(sources, loads[:3] + loads[4:], self.NOON).complete_date == date(2024, 1, 3)

    def test_where_every_source_has_ended_it_is_the_last_day_of_the_feed_that_ended_first(self) -> None:
        sources = [
            source(source_system="old", path="o_{date}.csv", until=date(2024, 1, 5)),
            source(source_system="new", start=date(2024, 1, 6), until=date(2024, 1, 8)),
            source("once", source_system="list", delivery_date=START),
        ]
        loads = [load(day, system="old") for day in days(START, date(2024, 1, 5))]
        loads += [load(day, system="new") for day in days(date(2024, 1, 6), date(2024, 1, 8))]
        loads += [load(START, system="list")]
        assert at(sources, loads, self.NOON).complete_date == date(2024, 1, 8)
        sources.append(source(feed="branch__contracts", until=date(2024, 1, 7)))
        loads += [load(day, feed="branch__contracts") for day in days(START, date(2024, 1, 7))]
        assert at(sources, loads, self.NOON).complete_date == date(2024, 1, 7)

    def test_a_monthly_feed_is_complete_to_the_end_of_the_last_month_before_a_missing_one(self) -> None:
        sources = [source("monthly", start=date(2024, 1, 15))]
        loads = [load(date(2024, 1, 20)), load(date(2024, 2, 3)), load(date(2024, 4, 30))]
        assert at(sources, [], self.NOON).complete_date is None
        assert at(sources, loads[:1], self.NOON).complete_date == date(2024, 1, 31)
        assert at(sources, loads, self.NOON).complete_date == date(2024, 2, 29)
        assert at(sources, [*loads, load(date(2024, 3, 31))], self.NOON).complete_date == date(2024, 4, 30)
        ended = [source("monthly", until=date(2024, 2, 29)), source(source_system="card", path="c_{date}.csv")]
        daily = [load(day, system="card") for day in days(START, date(2024, 3, 9))]
        assert at(ended, [*loads[:2], *daily], self.NOON).complete_date == date(2024, 3, 9)
        assert at(ended, [*loads[:1], *daily], self.NOON).complete_date == date(2024, 1, 31)

    def test_a_day_is_good_only_when_no_part_of_it_is_refused(self) -> None:
        loads = [load(day, part=part) for day in days(START, date(2024, 1, 9)) for part in ("a", "b")]
        assert at([source()], loads, self.NOON).complete_date == date(2024, 1, 9)
        loads[7] = load(date(2024, 1, 4), "refused", part="b")
        found = at([source()], loads, self.NOON)
        assert found.complete_date == date(2024, 1, 3)
        assert [(one.kind, one.delivery_date) for one in found.shortfalls] == [("refused", date(2024, 1, 4))]
        # A refused correction leaves the part as it was.
        found = at([source()], [*loads, load(date(2024, 1, 4), part="b")], self.NOON)
        assert found.complete_date == date(2024, 1, 9)
        assert [shortfall.kind for shortfall in found.shortfalls] == ["refused"]
