r"""How resident, foreigner and payment card numbers look in text, and what is left of them: macros for DuckDB.

Digits may be full-width, hyphens of any kind. What is masked where is said in `masking.py`.

- `mask_hyphenated(text)`: text without resident and foreigner numbers written as `850101-1234567`
- `mask_any(text)`: without these, without those written otherwise, and without payment cards
- `may_hold_hyphenated(text)`, `may_hold_any(text)`: cheap, and false only where the mask would leave text as it is
- `holds_any(text)`: whether `mask_any` would change text
- `half_width_digits(text)`: the digits of text alone
"""

import re

import duckdb

from pipelines.connections import literal

RESIDENT_MASK = "******-*******"

CARD_MASK = "****-****-****-"
"""The last four digits follow."""

SHORTEST_LENGTH = 13
"""In bytes: a text that is shorter holds no such number."""

_HALF_WIDTH = "0123456789"
_FULL_WIDTH = "".join(chr(0xFF10 + digit) for digit in range(10))


def _digit(of: str = "0-9") -> str:
    """The class of the digits `of`, such as `1-8` or `04`, of either width."""
    wide = str.maketrans(_HALF_WIDTH, _FULL_WIDTH)
    return f"[{of}{of.translate(wide)}]"


_DIGIT = _digit()
_NO_DIGIT = f"[^{_DIGIT[1:]}"
_SPACE = "[ \u00a0\u3000]"
_HYPHEN = "[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d]"
_SPACED_HYPHEN = f"{_SPACE}*{_HYPHEN}{_SPACE}*"
_SEPARATOR = f"(?:{_SPACED_HYPHEN}|{_SPACE}+)"


def _widened(pattern: str) -> str:
    """`pattern`, in which each digit and each class of digits stands for both widths; counts in braces stay."""
    return re.sub(r"\{[^}]*\}|\[([^]]+)\]|(\d)", lambda m: _digit(m[1] or m[2]) if m[1] or m[2] else m[0], pattern)


# Born in 1900 or 2000: in the latter alone 29 February was a day.
_BIRTH_DATE = _widened(
    "[0-9][0-9](?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
    "|02(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:0[48]|[2468][048]|[13579][26])0229"
)
_LEAP_DAY_OF_2000 = _widened("000229")


def _resident(separator: str) -> str:
    """Date of birth, then a digit for century and sex (1 to 4; foreigners 5 to 8), then six more."""
    rest = f"{_DIGIT}{{6}}"
    return f"(?:(?:{_BIRTH_DATE}){separator}{_digit('1-8')}{rest}|{_LEAP_DAY_OF_2000}{separator}{_digit('3478')}{rest})"


_HYPHENATED = _resident(_SPACED_HYPHEN)
_WRITTEN_ANYHOW = _resident(f"{_SEPARATOR}?")

# Issuer prefixes with the lengths of their numbers. Korean cards that are valid in Korea alone begin with 9.
_CARD = "|".join(
    (
        "4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})",  # Visa
        "(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}",  # Mastercard
        "3[47][0-9]{13}",  # American Express
        "(?:352[89]|35[3-8][0-9])[0-9]{12,15}",  # JCB
        "(?:30[0-5]|36[0-9]|38[0-9])[0-9]{11,16}",  # Diners Club
        "(?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2})[0-9]{12,15}",  # Discover, UnionPay
        "9[0-9]{15}",
    )
)
_CARD_BEGINNING = _widened("(?:4|5[1-5]|2[2-7]|3[04-8]|6[0245]|9)")
_LIKE_CARD = f"{_CARD_BEGINNING}(?:{_SEPARATOR}?{_DIGIT}){{11}}"

# Groups of digits with nothing but separators between them. The last digits of a masked card do not begin one, so that
# what is masked stays as it is.
_GROUPS = rf"(?:^-?|[^*{_DIGIT[1:-1]}-]|[^*]-)(\+?{_DIGIT}+(?:{_SEPARATOR}{_DIGIT}+)*)"
_GROUP = rf"\+?{_DIGIT}+{_SEPARATOR}?"
_MOST_GROUPS = 5
# The last group may be short. Two telephone numbers in a row have a short one before.
_LONG_GROUPS = rf"\+?(?:{_DIGIT}{{4,}}{_SEPARATOR})*{_DIGIT}+"
_LONGEST_TELEPHONE_NUMBER = 15


def _bounded(pattern: str, no_digit_before: str = _NO_DIGIT) -> str:
    """`pattern` with no further digit before or after it; what stands there instead is matched too."""
    return f"(^|{no_digit_before}){pattern}($|{_NO_DIGIT})"


# Without a hyphen, what follows a plus sign is a telephone number.
_HYPHENATED_ALONE = _bounded(_HYPHENATED)
_WRITTEN_ANYHOW_ALONE = _bounded(_WRITTEN_ANYHOW, f"{_NO_DIGIT[:-1]}+]")


def _masked_resident(pattern: str) -> str:
    """The SQL that masks. Of two numbers with one character between them, the second needs a second pass."""
    found, mask = literal(pattern), literal(rf"\1{RESIDENT_MASK}\2")
    return f"regexp_replace(regexp_replace(text, {found}, {mask}, 'g'), {found}, {mask}, 'g')"


# DuckDB writes out a macro's argument wherever the macro names it: what is nested has to name it once.
_MACROS = f"""
create or replace temp macro half_width_digits(text) as
    regexp_replace(translate(text, '{_FULL_WIDTH}', '{_HALF_WIDTH}'), '[^0-9]', '', 'g');
create or replace temp macro mask_hyphenated(text) as {_masked_resident(_HYPHENATED_ALONE)};
create or replace temp macro mask_written_anyhow(text) as {_masked_resident(_WRITTEN_ANYHOW_ALONE)};
create or replace temp macro may_hold_hyphenated(text) as regexp_matches(text, {literal(_HYPHENATED_ALONE)});
create or replace temp macro may_hold_any(text) as
    regexp_matches(text, {literal(f"(?:^|{_NO_DIGIT})(?:{_WRITTEN_ANYHOW}(?:$|{_NO_DIGIT})|{_LIKE_CARD})")});
-- Luhn's sum, ISO/IEC 7812-1: from the right, every second digit counts twice, and the digits of that are added.
create or replace temp macro has_check_digit(digits) as
    list_sum(
        list_transform(
            string_split(reverse(digits), ''),
            lambda digit, place:
                if(place % 2 = 1, digit::integer, digit::integer * 2 - if(digit::integer > 4, 9, 0))
        )
    ) % 10 = 0;
create or replace temp macro is_card(number) as
    case when
        regexp_full_match(half_width_digits(number), '{_CARD}')
        and regexp_full_match(number, {literal(_LONG_GROUPS)})
        and (not starts_with(number, '+') or length(half_width_digits(number)) > {_LONGEST_TELEPHONE_NUMBER})
    then has_check_digit(half_width_digits(number)) else false end;
create or replace temp macro runs_of_groups(groups) as
    flatten(list_transform(
        range(1, len(groups) + 1),
        lambda first: list_transform(
            range(first, least(first + {_MOST_GROUPS}, len(groups) + 1)),
            lambda last: regexp_replace(array_to_string(groups[first:last], ''), {literal(_SEPARATOR + "$")}, '')
        )
    ));
create or replace temp macro card_numbers(text) as
    list_filter(
        flatten(list_transform(
            regexp_extract_all(text, {literal(_GROUPS)}, 1),
            lambda chain: runs_of_groups(regexp_extract_all(chain, {literal(_GROUP)}))
        )),
        lambda number: is_card(number)
    );
create or replace temp macro standing_alone(number) as
    {literal(f"(^|{_NO_DIGIT})")} || ltrim(number, '+') || {literal(f"($|{_NO_DIGIT})")};
create or replace temp macro card_mask(number) as
    '\\1{CARD_MASK}' || right(half_width_digits(number), 4) || '\\2';
create or replace temp macro mask_cards(text) as
    case when regexp_matches(text, {literal(f"(?:^|{_NO_DIGIT}){_LIKE_CARD}")}) then list_reduce(
        card_numbers(text),
        lambda masked, number: regexp_replace(
            regexp_replace(masked, standing_alone(number), card_mask(number), 'g'),
            standing_alone(number), card_mask(number), 'g'
        ),
        text
    ) else text end;
create or replace temp macro mask_any(text) as mask_written_anyhow(mask_hyphenated(mask_cards(text)));
create or replace temp macro holds_any(text) as
    case when may_hold_any(text) then mask_any(text) <> text else false end;
"""


def create_masking_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macros that this module is about, for as long as the connection lives."""
    connection.execute(_MACROS)
