"""What of two records is compared, and how nearly the same it can be: the levels of the probabilistic model, in SQL.

Which agreement counts how much is learnt (`model.py`), not written here. A condition reads columns of
`comparable.py` with the suffixes `_l` and `_r`, and says the same with the two records exchanged; where a value is
missing, nothing is said for or against.
"""

from dataclasses import dataclass


def _like(column: str) -> str:
    """Nearly the same word; a Korean family name is too short to be."""
    long = f'length("{column}_l") >= 4 and length("{column}_r") >= 4'
    return f'({long} and jaro_winkler_similarity("{column}_l", "{column}_r") >= 0.88)'


ELSE = "else"
"""The condition of a last level."""

PHONES_AGREE = """list_has_any("phones_l", "phones_r")"""
"""In training, of lists of numbers; who scores knows the overlapping intervals already (`pairs.py`)."""

_SAME_PLACE = '("region_code_l" = "region_code_r" or "town_l" = "town_r")'
_LIKE_STREET = 'jaro_winkler_similarity("street_l", "street_r") >= 0.9'


def _apart(column: str, edits: int, may_swap: str = "true") -> str:
    """At most so many edits apart, where two neighbours that changed places are one edit if `may_swap`.

    DuckDB counts such edits many times as slowly as those in which they are two, so they are counted last.
    """
    plain = f'levenshtein("{column}_l", "{column}_r")'
    return (
        f"({plain} <= {edits} or ({may_swap} and {plain} <= {2 * edits}"
        f' and damerau_levenshtein("{column}_l", "{column}_r") <= {edits}))'
    )


def _letters_apart(edits: int) -> str:
    """Of names. Who writes Hangul types whole syllables, whose letters do not change places; theirs are capitals."""
    return _apart("letters", edits, """least("letters_l", "letters_r") >= 'a'""")


# Counting edits is dear, and in vain where two short names share neither part.
_HALF_THE_SAME = (
    '("family_name_l" = "family_name_r" or "given_name_l" = "given_name_r"'
    ' or length("letters_l") > 9 or length("letters_r") > 9'
    ' or "family_name_l" is null or "family_name_r" is null)'
)
_SWAPPED = (
    '("family_name_l" = "given_name_r" and "given_name_l" = "family_name_r"'
    ' or length("family_name_l") > 2 and length("family_name_r") > 2'
    ' and jaro_winkler_similarity("family_name_l", "given_name_r") >= 0.85'
    ' and jaro_winkler_similarity("given_name_l", "family_name_r") >= 0.85)'
)
_ONE_PART = (
    '"family_name_l" = "family_name_r" and ("given_name_l" is null or "given_name_r" is null)'
    ' or "given_name_l" = "given_name_r" and ("family_name_l" is null or "family_name_r" is null)'
)
_SAME_OR_LONG_GIVEN_NAME = (
    '("given_name_l" = "given_name_r" or length("given_name_l") > 4 and length("given_name_r") > 4)'
)
_DAY_AND_MONTH_SWAPPED = (
    '("birth_digits_l"[1:4] = "birth_digits_r"[1:4] and "birth_digits_l"[5:6] = "birth_digits_r"[7:8]'
    ' and "birth_digits_l"[7:8] = "birth_digits_r"[5:6])'
)


@dataclass(frozen=True)
class Level:
    """One degree of agreement; levels are tried in order, and the last one is what is left.

    Of names, `is_personal` is what two members of a household do not share.
    """

    name: str
    condition: str
    is_personal: bool = False


@dataclass(frozen=True)
class Comparison:
    """One independent piece of evidence: when it is missing, and its levels from the same to something else.

    What a household shares (`of_household`) comes together: of it only the strongest agreement counts in favour,
    unless the name is personal.
    """

    name: str
    missing: str
    levels: tuple[Level, ...]
    of_household: bool = False


def _either_missing(column: str) -> str:
    return f'"{column}_l" is null or "{column}_r" is null'


COMPARISONS = (
    # Family and given name depend on each other, so they are one piece of evidence. Letters are those of the Hangul
    # syllables (`comparable.py`): a confused syllable is mostly one letter, another given name two or more.
    Comparison(
        "name",
        _either_missing("full_name"),
        (
            Level("same", '"full_name_l" = "full_name_r"', True),
            # Brothers and sisters have one letter between them, and the family name in common; never the given name.
            Level(
                "spelt otherwise",
                f"{_SWAPPED} or ({_HALF_THE_SAME} and {_SAME_OR_LONG_GIVEN_NAME} and {_letters_apart(2)})",
                True,
            ),
            Level("one part", _ONE_PART, True),
            Level("one letter", f"{_HALF_THE_SAME} and {_letters_apart(1)}"),
            Level(
                "nearly",
                f"""{_HALF_THE_SAME} and ({_letters_apart(2)}
                or jaro_winkler_similarity("letters_l", "letters_r") >= 0.92)""",
            ),
            Level("given name", '"given_name_l" = "given_name_r"', True),
            Level("family name", '"family_name_l" = "family_name_r"'),
            Level("like a name", f"{_like('family_name')} or {_like('given_name')}"),
            Level("other", ELSE),
        ),
    ),
    Comparison(
        "birth_date",
        _either_missing("birth_digits"),
        (
            Level("same", '"birth_digits_l" = "birth_digits_r"'),
            Level(
                "one digit",
                f"{_apart('birth_digits', 1)} or {_DAY_AND_MONTH_SWAPPED}",
            ),
            Level("two digits", """hamming("birth_digits_l", "birth_digits_r") <= 2"""),
            Level("other", ELSE),
        ),
    ),
    Comparison("phone", _either_missing("phones"), (Level("same", PHONES_AGREE), Level("other", ELSE)), True),
    Comparison(
        "email",
        _either_missing("email"),
        (
            Level("same", '"email_l" = "email_r"'),
            Level("nearly", """jaro_winkler_similarity("email_l", "email_r") >= 0.95"""),
            Level("other", ELSE),
        ),
    ),
    # The parts of an address depend on each other as well. Where the unit is known of one only, it may be the same.
    Comparison(
        "address",
        """coalesce("region_code_l", "town_l") is null or coalesce("region_code_r", "town_r") is null""",
        (
            Level(
                "same unit",
                '"has_unit_l" and "has_unit_r" and "house_number_l" = "house_number_r" and "street_l" = "street_r"'
                f" and {_SAME_PLACE}",
            ),
            Level(
                "same building",
                'not ("has_unit_l" and "has_unit_r") and "building_l" = "building_r" and "street_l" = "street_r"'
                f" and {_SAME_PLACE}",
            ),
            Level("like door", f'"house_number_l" = "house_number_r" and {_LIKE_STREET}'),
            Level("number and place", f'"house_number_l" = "house_number_r" and {_SAME_PLACE}'),
            Level("street and place", f"{_LIKE_STREET} and {_SAME_PLACE}"),
            Level("region", '"region_code_l" = "region_code_r"'),
            Level("town", """"town_l" = "town_r" or jaro_winkler_similarity("town_l", "town_r") >= 0.9"""),
            Level("other", ELSE),
        ),
        True,
    ),
    Comparison("sex", _either_missing("sex"), (Level("same", '"sex_l" = "sex_r"'), Level("other", ELSE))),
)
