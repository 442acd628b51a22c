"""The model for companies too young to learn one.

Its chances are what `training.py` learnt from simulated registrations of 20,000 people (seed 901), where Hangul names
say nothing (names spelt in letters, a missing part) set by hand; its prior is careful, that of ten thousand records.
"""

from typing import Any

from pipelines.identity.comparisons import COMPARISONS

# Per comparison and level: the chance that two records of one customer reach it, and that two strangers do.
_CHANCES = {
    "name": (
        (0.88, 0.000124),
        (0.01, 0.0005),
        (0.01, 0.0005),
        (0.00801, 0.000556),
        (0.0225, 0.00399),
        (0.000996, 0.000775),
        (0.0462, 0.0932),
        (0.01, 0.003),
        (0.0123, 0.901),
    ),
    "birth_date": ((0.923, 0.0000261), (0.0214, 0.00167), (0.0114, 0.0187), (0.044, 0.98)),
    "phone": ((0.881, 0.0000161), (0.119, 1.0)),
    "email": ((0.978, 0.00000805), (0.0122, 0.642), (0.00965, 0.358)),
    "address": (
        (0.551, 0.0000139),
        (0.271, 0.0004),
        (0.000997, 0.000001),
        (0.000997, 0.00000396),
        (0.00138, 0.00905),
        (0.000997, 0.00138),
        (0.0151, 0.092),
        (0.159, 0.897),
    ),
    "sex": ((0.992, 0.499), (0.00848, 0.501)),
}

DEFAULT_SETTINGS: dict[str, Any] = {
    "prior": 0.0001,
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
