"""Whose calls and pieces without a customer number are: a company of a seed that nothing was chosen by, and its truth.

Its customers share telephones with their families, borrow them, move, and give numbers up; strangers call, and bought
addresses are written to.
"""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest

from pipelines.connections import connected, literal
from pipelines.identity.resolution import resolve
from pipelines.identity.spellings import note_spellings
from pipelines.ledger.tables import create_tables
from pipelines.loading.feed import load_feed
from pipelines.settings import Settings
from pipelines.simulator import simulate
from pipelines.sources.sources_file import load_sources_file

from .homes import CommandHome, dbt, keep_parsed

SEED = 5309
FEEDS = ("branch__customers", "call_center__calls", "dm__mailings")

# What was attributed to whom, what to the right person, and what a person stands behind.
_SCORES = """
with persons as (
    select identity.customer_id, list(distinct people.person_id) as person_ids
    from people
    inner join intermediate.int_customer__identity as identity using (customer_key)
    group by all
), keys as (
    select 'call_center__calls' as feed, call_id as id, call_key as record_key from staging.stg_call_center__calls
    union all
    select 'dm__mailings', mailing_id, mailing_key from staging.stg_dm__mailings
), attributed as (
    select call_id as id, customer_id from intermediate.int_call__customer
    union all
    select mailing_id, customer_id from intermediate.int_mailing__customer
)
select
    feed,
    count(attributed.id) as attributed,
    count(attributed.id) filter (persons.person_ids = [appearances.person_id]) as right,
    count(appearances.person_id) as appeared,
    count(attributed.id) filter (appearances.person_id is null) as strangers
from keys
left join attributed using (id)
left join appearances using (feed, record_key)
left join persons using (customer_id)
group by feed
"""


@pytest.fixture(scope="module")
def attributed(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A home with the feeds that are asked about, through load and gate, resolved, and the models that attribute."""
    folder = tmp_path_factory.mktemp("attribution") / "home"
    simulate(folder, customers=10000, start=date(2023, 1, 1), end=date(2023, 2, 20), seed=SEED)
    settings = Settings(folder, folder / "sources.yml", "1GB", 2, 3)
    sources_file = load_sources_file(settings.sources_file)
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
    for feed in FEEDS:
        load_feed(settings, sources_file, feed, "run")
    resolve(settings, "run", datetime(2023, 2, 21))
    note_spellings(settings)
    home = CommandHome(folder)
    keep_parsed(built, home)
    done = dbt(home, "run", "--select", "+int_call__customer", "+int_mailing__customer")
    assert done.returncode == 0, done.stdout
    return home


@pytest.mark.parametrize(("feed", "appeared", "recall"), [("call_center__calls", 300, 0.9), ("dm__mailings", 50, 0.9)])
def test_ninety_nine_of_a_hundred_that_are_attributed_are_attributed_to_the_right_person(
    attributed: CommandHome, feed: str, appeared: int, recall: float
) -> None:
    truth = attributed.folder / "truth"
    with duckdb.connect(str(attributed.warehouse), read_only=True) as warehouse:
        for name in ("people", "appearances"):
            warehouse.execute(f"create temp table {name} as from {literal(truth / f'{name}.parquet')}")
        found = {row[0]: row[1:] for row in warehouse.execute(_SCORES).fetchall()}[feed]
    print(feed, dict(zip(("attributed", "right", "appeared", "strangers"), found, strict=True)))
    assert found[2] >= appeared, "too few to score"
    assert found[1] / found[0] >= 0.99
    assert found[1] / found[2] >= recall


def test_a_number_that_a_family_shares_attributes_none_of_their_calls(attributed: CommandHome) -> None:
    shared = attributed.ask(
        """
        with numbers as (
            select phones.phone, calls.call_id, count(distinct identity.customer_id) as owners
            from staging.stg_call_center__calls as calls
            inner join identity.phones as phones on
                right(regexp_replace(calls.phone, '[^0-9]', '', 'g'), 8) = right(phones.phone, 8)
                and calls.delivery_date >= phones.valid_from
                and calls.delivery_date < coalesce(phones.valid_to, date '9999-12-31')
            inner join intermediate.int_customer__identity as identity on phones.record_id = identity.customer_source_id
            where calls.customer_source_id is null
            group by all
        )
        select count(*), count(attributed.call_id)
        from numbers
        left join intermediate.int_call__customer as attributed using (call_id)
        where owners > 1
        """
    )
    assert shared[0][0] > 5
    assert shared[0][1] == 0
