"""Personal values in all the spellings that people and systems give them, as regular expressions.

What is written here is read alike by Python and by DuckDB (RE2). They are meant for text in NFC.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

SHORTEST_KEY = 5
"""In characters: a shorter key is found in any text, as an amount or a part of a date."""

_HALF_WIDTH = "0123456789"
_FULL_WIDTH = "".join(chr(0xFF10 + digit) for digit in range(10))
_BETWEEN_DIGITS = "[-.() \u00a0\u2010-\u2015\u2212\u3000\uff0d]{0,3}"
_BETWEEN_DATE_PARTS = "[-./년월 ]{0,2}"
_LATIN = "0-9A-Za-z"
# Of what is dropped, what is ASCII or a Hangul syllable, within brackets of an expression.
_DROPPED_PLAIN = r"-.()/ \t-\r\x1c-\x1f년월"
_DROPPED = "-.()/년월 \t\n\r\f\v\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u2212\u3000\uff0d" + "".join(
    map(chr, (*range(0x2000, 0x200B), *range(0x2010, 0x2016)))
)
# Beyond its memory RE2 is twelve times as slow: 20,000 bytes at once took 1.5 s where four times 5,000 take 0.12.
_TOGETHER_BYTES = 6_000
_SQUEEZING = str.maketrans(_FULL_WIDTH, _HALF_WIDTH, _DROPPED)


def patterns(values: Mapping[str, Iterable[str]], country_code: str = "82") -> dict[str, str]:
    """Kind -> the expression of all its values, those kinds alone that have any; its case does not count.

    Kinds are those of `person.KINDS` and `customer_key`; an unknown kind is found as it is written. `country_code` is
    the company's, for telephone numbers.
    """
    written = {
        "phone": lambda value: _phone(value, country_code),
        "birth_date": _date,
        "name": _name,
        "customer_key": lambda value: _as_written(value) if len(value) >= SHORTEST_KEY else None,
    }
    found = {}
    for kind, some in values.items():
        expressions = {written.get(kind, _as_written)(unicodedata.normalize("NFC", value)) for value in some}
        if known := sorted(expression for expression in expressions if expression):
            found[kind] = f"(?is)(?:{'|'.join(known)})"
    return found


def phone_digits(phones: Iterable[str], country_code: str = "82") -> list[str]:
    """The telephone numbers as digits alone, in every form in which the same number is dialled, sorted."""
    found = set()
    for phone in phones:
        digits = _digits(phone)
        if national := _national(digits, country_code):
            found |= {
                f"0{national}",
                *(f"{code}{zero}{national}" for code in (country_code, f"00{country_code}") for zero in ("", "0")),
            }
        elif digits:
            found.add(digits)
    return sorted(found)


def folded(text: str) -> str:
    """The SQL of `text` as `folded_value` makes it."""
    return f"regexp_replace(lower(nfc_normalize({text})), '[\\s\u00a0\u3000]+', '', 'g')"


def folded_value(text: str) -> str:
    """`text` in NFC and lower case, without blanks: equal for spellings that differ in nothing else."""
    return re.sub("[\\s\u00a0\u3000]+", "", unicodedata.normalize("NFC", text).lower())


def loose(text: str) -> str:
    """The SQL of `text` without anything that spellings of a value differ in; what is a null character is a blank."""
    # DuckDB builds translate's table anew for each row, so text of ASCII and Hangul, which is most, goes another way.
    return f"""
        list_transform([{text}], lambda written: lower(case
            when regexp_full_match(written, '[\\x01-\\x7e가-힣]*')
                then regexp_replace(written, '[{_DROPPED_PLAIN}]+', '', 'g')
            else translate(nfc_normalize(replace(written, chr(0), ' ')), '{_FULL_WIDTH}{_DROPPED}', '{_HALF_WIDTH}')
        end))[1]
    """


def loose_values(values: Mapping[str, Iterable[str]], country_code: str = "82") -> set[str]:
    """What `loose` leaves of every text that `patterns` would find a value in, wherever in it that stands."""
    found = set()
    for kind, some in values.items():
        for value in some:
            if kind == "phone":
                found.add(_national(_digits(value), country_code) or _digits(value))
            elif kind == "birth_date" and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                year, month, day = value.split("-")
                found.add(f"{year[2:]}{month}{day}")
                found |= {f"{year}{m}{d}" for m in {month, month.lstrip("0")} for d in {day, day.lstrip("0")}}
            else:
                found.add(squeezed(value))
    return found - {""}


def unsqueezed(values: Iterable[str]) -> str:
    """The expression of squeezed `values`, as `loose_values` makes them, in text as it is written.

    Of text in ASCII and Hangul alone.
    """
    between = f"[\\x00{_DROPPED_PLAIN}]*"
    return "|".join(sorted(between.join(map(re.escape, value)) for value in values))


def together(expressions: Iterable[str]) -> Iterator[str]:
    """The expressions, which are plain strings, as alternatives: so many at once as RE2 can keep in its memory."""
    alternatives: list[str] = []
    length = 0
    for expression in sorted(set(expressions)):
        if alternatives and length + len(expression.encode()) > _TOGETHER_BYTES:
            yield "|".join(alternatives)
            alternatives, length = [], 0
        alternatives.append(expression)
        length += len(expression.encode())
    if alternatives:
        yield "|".join(alternatives)


def squeezed(text: str) -> str:
    """`text` as `loose` makes it: without anything that spellings of a value differ in."""
    return unicodedata.normalize("NFC", text).translate(_SQUEEZING).lower()


def _digits(phone: str) -> str:
    return re.sub("[^0-9]", "", phone.translate(str.maketrans(_FULL_WIDTH, _HALF_WIDTH)))


def _national(digits: str, country_code: str) -> str | None:
    """The number without country code and leading zero; None where it is too short to have an area code."""
    if len(digits) < 9:
        return None
    if found := re.fullmatch(f"(?:(?:00)?{country_code}0?|0)([1-9][0-9]{{7,}})", digits):
        return found[1]
    return None


def _phone(value: str, country_code: str) -> str | None:
    digits = _digits(value)
    if len(digits) < 7:
        return None
    national = _national(digits, country_code)
    spelt = _BETWEEN_DIGITS.join(f"[{digit}{_FULL_WIDTH[int(digit)]}]" for digit in national or digits)
    if national:
        spelt = f"(?:(?:00)?{country_code}{_BETWEEN_DIGITS}[0０]?|[0０]){_BETWEEN_DIGITS}{spelt}"
    return f"(?:^|[^0-9０-９]){spelt}(?:$|[^0-9０-９])"


def _date(value: str) -> str | None:
    if not (found := re.fullmatch("([0-9]{4})-([0-9]{2})-([0-9]{2})", value)):
        return None
    year, month, day = found.groups()
    spelt = [_BETWEEN_DATE_PARTS.join((year, _number(month), _number(day))), f"{year}{month}{day}"]
    return f"(?:^|[^0-9])(?:{'|'.join(spelt)}|{year[2:]}{month}{day})(?:$|[^0-9])"


def _number(two_digits: str) -> str:
    return two_digits if two_digits[0] != "0" else f"0?{two_digits[1]}"


def _name(value: str) -> str | None:
    """A name of Hangul may have a blank anywhere; one of two letters is a word."""
    if re.fullmatch("[가-힣 ]+", value):
        letters = value.replace(" ", "")
        return " ?".join(letters) if len(letters) > 2 else None
    return _as_written(value)


def _as_written(value: str) -> str | None:
    words = [re.escape(word) for word in value.split()]
    if not words:
        return None
    before = f"(?:^|[^{_LATIN}])" if re.match(f"[{_LATIN}]", value.strip()) else ""
    after = f"(?:$|[^{_LATIN}])" if re.search(f"[{_LATIN}]$", value.strip()) else ""
    return before + r"\s*".join(words) + after
