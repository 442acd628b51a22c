"""The model for companies too young to learn one: what `training.py` learnt from simulated registrations.

{people} simulated people, seed {seed}; the prior is that of a few hundred records.
"""

from typing import Any

from pipelines.identity.comparisons import COMPARISONS

# Per comparison and level: the chance that two records of one customer reach it, and that two strangers do.
_CHANCES = {
    "name": (
        (0.94, 0.0005),
        (0.02, 0.0002),
        (0.001, 0.001),
        (0.02, 0.002),
        (0.01, 0.01),
        (0.01, 0.004),
        (0.005, 0.1),
        (0.001, 0.01),
        (0.004, 0.87),
    ),
    "birth_date": ((0.96, 0.00004), (0.02, 0.002), (0.005, 0.03), (0.015, 0.968)),
    "phone": ((0.9, 0.000001), (0.1, 0.999999)),
    "email": ((0.95, 0.000001), (0.02, 0.0001), (0.03, 0.9999)),
    "address": (
        (0.5, 0.00004),
        (0.25, 0.00005),
        (0.01, 0.000005),
        (0.01, 0.0001),
        (0.03, 0.003),
        (0.05, 0.004),
        (0.05, 0.1),
        (0.1, 0.89),
    ),
    "sex": ((0.995, 0.5), (0.005, 0.5)),
}

DEFAULT_SETTINGS: dict[str, Any] = {
    "prior": 0.001,
    "comparisons": [
        {
            "name": comparison.name,
            "missing": comparison.missing,
            "of_household": comparison.of_household,
            "levels": [
                {"name": level.name, "condition": level.condition, "is_personal": level.is_personal, "m": m, "u": u}
                for level, (m, u) in zip(comparison.levels, _CHANCES[comparison.name], strict=True)
            ],
        }
        for comparison in COMPARISONS
    ],
    "names": {},
    "rare_name": 0.0005,
}
