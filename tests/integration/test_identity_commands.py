"""A steward's word about identity reaches the published file, and taking it back restores what was there."""

from __future__ import annotations

import pytest

from .homes import UNTESTED, CommandHome

_CUSTOMERS = "select count(*) from core.dim_customer_current where customer_id not in ('-1', '-2')"
_FACTS = "select count(*), sum(amount) from core.fct_transaction"

# Records with a closed row, and whether it ended where their open one begins.
_MOVED = """
select count(*), bool_and(closed.valid_to = current.valid_from and closed.customer_id <> current.customer_id)
from core.bridge_customer_source as closed
inner join core.bridge_customer_source as current using (customer_source_id)
where closed.valid_to is not null and current.valid_to is null
    and list_contains(?, closed.source_system || ':' || closed.source_key)
"""


@pytest.fixture(scope="module")
def joined(built: CommandHome, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandHome, list[str]]:
    """A copy of the built home in which two customers with transactions were said to be one."""
    home = built.copied_to(tmp_path_factory.mktemp("joined") / "home")
    pair = [
        name
        for (name,) in home.ask_both(
            """
            select source_system || ':' || record_key
            from warehouse.identity.records
            inner join warehouse.state.identity_assignments using (record_id)
            where rule = 'own_key' and customer_id in (select customer_id from core.fct_transaction)
            order by 1
            limit 2
            """
        )
    ]
    home.succeed("identity", "always", *pair, "--reason", "saw both cards", preamble=UNTESTED)
    return home, pair


def test_two_customers_that_are_said_to_be_one_are_published_as_one(joined, built):
    home, pair = joined
    assert home.ask_published(_CUSTOMERS)[0][0] == built.ask_published(_CUSTOMERS)[0][0] - 1
    assert home.ask_published(_FACTS) == built.ask_published(_FACTS), "no fact is lost or changes its amount"
    found = home.ask_published(
        "select count(distinct customer_id), any_value(identity_rule) from core.bridge_customer_source "
        "where valid_to is null and list_contains(?, source_system || ':' || source_key)",
        [pair],
    )
    assert found == [(1, "steward")]
    assert home.ask_published(_MOVED, [pair]) == [(1, True)], "one of the two was another customer's until today"
    assert "steward (a steward said so)" in home.succeed("identity", "why", *pair)


def test_a_merge_that_is_undone_restores_facts_history_and_marts(joined, built):
    home, pair = joined
    assert "event 1" in home.succeed("identity", "events")
    home.succeed("identity", "undo", "1", "--reason", "two sisters", preamble=UNTESTED)
    assert home.content_hash() == built.content_hash()
    assert "a steward said never: two sisters" in home.succeed("identity", "why", *pair)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("show", "branch:0"), "no record has this name"),
        (("undo", "99", "--reason", "x"), "there is no event 99"),
        (("never", "branch:00001010", "branch:00001010", "--reason", "x"), "an override is about two"),
        (("always", "branch:00001010", "branch:00001016", "--reason", " "), "--reason is empty"),
    ],
)
def test_a_wrong_word_ends_with_2_and_changes_nothing(built, arguments, cause):
    before = built.published_state()
    done = built.crmdw("identity", *arguments)
    assert (done.returncode, cause in done.stderr) == (2, True), done.stderr
    assert built.published_state() == before
