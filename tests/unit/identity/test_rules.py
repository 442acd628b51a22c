"""The rules of the first two tiers, as data."""

import pytest

from pipelines.identity.rules import RULES, STRONG_COMBINATION, TRUSTED_KEY, Rule


def test_trusted_keys_come_before_combinations() -> None:
    assert [rule.tier for rule in RULES] == sorted(rule.tier for rule in RULES)
    assert {rule.tier for rule in RULES} == {TRUSTED_KEY, STRONG_COMBINATION}


def test_every_rule_has_its_own_name() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.name.startswith("name_")], ids=lambda rule: rule.name)
def test_a_combination_needs_three_agreements_or_that_nothing_contradicts(rule: Rule) -> None:
    assert len(rule.agree) >= 3 or rule.or_missing


def test_a_rule_reads_levels_by_their_number() -> None:
    rule = Rule("a", 2, agree={"name": ("same",)}, or_missing={"sex": ("same", "other")})
    assert rule.sql() == "(true) and name_level in (0) and coalesce(sex_level in (0, 1), true)"
