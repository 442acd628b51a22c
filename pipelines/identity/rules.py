"""The rules of the first two tiers, as data: which agreement makes two records one without any weighing.

A rule names what must agree and what must at least not contradict, in the levels of `comparisons.py`; the first
one that holds names the edge. Everything else is weighed (`model.py`).
"""

from dataclasses import dataclass, field

from pipelines.identity.comparisons import COMPARISONS

TRUSTED_KEY, STRONG_COMBINATION, PROBABILISTIC = 1, 2, 3
"""Tiers, the surest first."""

WEIGHED = "weighed"
"""The rule of the third tier: the weight of all evidence together."""

# Names alone repeat: among a million people, name and birth date agree for thousands of pairs of strangers. So each
# rule asks for three agreements, or for two of which one is personal, where nothing else contradicts.
_SAME_ADDRESS = ("same unit", "same building")
_NO_OTHER_BIRTH_DATE: dict[str, tuple[str, ...]] = {"birth_date": ("same",), "sex": ("same",)}


@dataclass(frozen=True)
class Rule:
    """`condition`: SQL over the pair's columns; `agree`: levels that must be reached; `or_missing`: or be missing."""

    name: str
    tier: int
    condition: str = "true"
    agree: dict[str, tuple[str, ...]] = field(default_factory=dict)
    or_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def sql(self, before: str | None = None) -> str:
        """The rule as a condition over the columns `<comparison>_level` and those of both records.

        With the name of a comparison in `before`: whether the rule may yet hold, before its level is known.
        """
        conditions = [f"({self.condition})"]
        conditions += [
            f"{name}_level in {_numbers(name, levels)}" for name, levels in self.agree.items() if name != before
        ]
        conditions += [
            f"coalesce({name}_level in {_numbers(name, levels)}, true)"
            for name, levels in self.or_missing.items()
            if name != before
        ]
        return " and ".join(conditions)


_SAME_KIND = "party_type_l = party_type_r"

RULES = (
    Rule("person_key", TRUSTED_KEY, "person_key_l = person_key_r"),
    Rule("site_key", TRUSTED_KEY, "source_system_l = source_system_r and site_key_l = site_key_r"),
    Rule(
        "name_birth_date_phone",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "birth_date": ("same",), "phone": ("same",)},
    ),
    Rule(
        "name_birth_date_email",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "birth_date": ("same",), "email": ("same",)},
    ),
    Rule(
        "name_birth_date_address",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "birth_date": ("same",), "address": _SAME_ADDRESS},
    ),
    Rule(
        "name_email",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "email": ("same",)},
        or_missing=_NO_OTHER_BIRTH_DATE,
    ),
    Rule(
        "name_phone",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "phone": ("same",)},
        or_missing=_NO_OTHER_BIRTH_DATE,
    ),
    Rule(
        "name_address",
        STRONG_COMBINATION,
        _SAME_KIND,
        agree={"name": ("same",), "address": ("same unit",)},
        or_missing=_NO_OTHER_BIRTH_DATE,
    ),
    # A shop and who keeps it are one customer only where the shop's name says so and more agrees.
    Rule(
        "proprietor_phone",
        STRONG_COMBINATION,
        "party_type_l <> party_type_r and (contains(full_name_l, full_name_r) or contains(full_name_r, full_name_l))",
        agree={"phone": ("same",)},
        or_missing={"birth_date": ("same",)},
    ),
    Rule(
        "proprietor_birth_date",
        STRONG_COMBINATION,
        "party_type_l <> party_type_r and (contains(full_name_l, full_name_r) or contains(full_name_r, full_name_l))",
        agree={"birth_date": ("same",), "address": _SAME_ADDRESS},
    ),
)


def _numbers(comparison: str, levels: tuple[str, ...]) -> str:
    (found,) = (each for each in COMPARISONS if each.name == comparison)
    names = [level.name for level in found.levels]
    return f"({', '.join(str(names.index(level)) for level in levels)})"
