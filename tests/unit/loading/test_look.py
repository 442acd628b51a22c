"""A look at a home: what makes it idle, and what does not."""

from datetime import UTC, datetime

import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.ledger.basis_hash import known_basis_hash
from pipelines.loading.look import look
from pipelines.loading.reload import Reload

CUSTOMERS = "branch__customers"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def published(home: LoadingHome) -> LoadingHome:
    """A home whose one delivery was loaded and, by its books, published."""
    columns = {"customer_key": "no", "customer_name": "name"}
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", columns, codec="utf-8", until="2024-01-01")
    home.deliver("customers_20240101.csv", "no,name,other\nK1,x,y\n")
    home.load(CUSTOMERS)
    with connected(home.settings, home.settings.warehouse) as warehouse:
        warehouse.execute(
            "insert into ledger.company values ('Asia/Seoul', 'KRW', date '2024-01-01', timestamp '2024-01-02')"
        )
        warehouse.execute(
            "insert into ledger.publications by name select timestamp '2024-01-02' as published_at, 'run' as run_id, "
            "date '2024-01-01' as complete_date, ? as state_hash, 'content' as content_hash",
            [known_basis_hash(warehouse)],
        )
    home.settings.published.mkdir()
    home.settings.published_file.touch()
    return home


def test_a_published_home_without_arrivals_is_idle(published: LoadingHome) -> None:
    assert look(published.settings, NOW).is_idle


def test_a_reload_that_was_not_published_is_not_forgotten(published: LoadingHome) -> None:
    published.sources[0]["columns"]["customer_name"] = "other"
    published.load(CUSTOMERS, reload=Reload())
    status = look(published.settings, NOW)
    assert not status.arrivals.to_load
    assert not status.is_idle


def test_another_currency_is_not_idle(published: LoadingHome) -> None:
    published.company["currency"] = "USD"
    published.sources_file()
    assert not look(published.settings, NOW).is_idle


def test_a_published_file_that_is_gone_is_not_idle(published: LoadingHome) -> None:
    published.settings.published_file.unlink()
    assert not look(published.settings, NOW).is_idle


def test_a_new_file_is_not_idle_and_a_refused_one_is_not_run_again(published: LoadingHome) -> None:
    published.sources[0]["until"] = "2024-01-02"
    published.deliver("customers_20240102.csv", "nummer\nK1\n")
    published.sources_file()
    assert not look(published.settings, NOW).is_idle
    published.load(CUSTOMERS)
    status = look(published.settings, NOW)
    assert not status.completeness.is_complete
    assert status.is_idle


def test_a_warehouse_left_without_its_tables_is_as_good_as_none(home: LoadingHome) -> None:
    home.add_source(CUSTOMERS, "customers_{date:%Y%m%d}.csv", {"customer_key": "no"}, codec="utf-8")
    home.deliver("customers_20240101.csv", "no\nK1\n")
    home.sources_file()
    with connected(home.settings, home.settings.warehouse):
        pass
    assert len(look(home.settings, NOW).arrivals.to_load) == 1
