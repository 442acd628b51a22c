"""Personal values in all the spellings that people and systems give them, as regular expressions.

The expressions match text in NFC. DuckDB (RE2) runs those of `unsqueezed` and `folded`, Python runs all others.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

SHORTEST_KEY = 5
"""In characters: a shorter key is found in any text, as an amount or a part of a date."""

END = "\x02"
"""Ends each text where many texts are searched as one. Within a text or a value it is ignored."""

_HALF_WIDTH = "0123456789"
_FULL_WIDTH = "".join(chr(0xFF10 + digit) for digit in range(10))
_FULL_WIDTH_DIGITS = re.compile(f"[{_FULL_WIDTH}]")
_BETWEEN_DIGITS = "[-.() \u00a0\u2010-\u2015\u2212\u3000\uff0d]{0,3}"
_AFTER_YEAR, _AFTER_MONTH = (f"(?:[-./ ]{{0,2}}| ?{word} ?)" for word in "년월")
_LATIN = "0-9A-Za-z"
# The dropped characters that are ASCII, as they stand within brackets of an expression.
_DROPPED_PLAIN = r"-.()/ \t-\r\x1c-\x1f"
_DROPPED = (
    f"\0{END}-.()/ "
    + "\t\n\r\f\v\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u2212\u3000\uff0d"
    + "".join(map(chr, (*range(0x2000, 0x200B), *range(0x2010, 0x2016))))
)
_LETTERS_I = {0x130: "i", 0x131: "i"}
_SQUEEZED_OUT = re.compile(f"[{re.escape(_DROPPED)}]+")
# The same for UTF-8. A Hangul syllable begins with EA, EB, EC or ED; EA and ED begin other letters as well.
_LOWER_CASE = bytes(range(256)).lower()
_DROPPED_BYTES = bytes(ord(one) for one in _DROPPED if one.isascii() and one != END)
_MAY_BEGIN_OTHERS = bytes(octet >= 0xC0 and octet not in (0xEB, 0xEC) for octet in range(256))


def patterns(values: Mapping[str, Iterable[str]], country_code: str = "82") -> dict[str, str]:
    """Kind -> the expression that finds any of its values, in any case. A kind without a value is left out.

    Kinds are those of `person.KINDS` and `customer_key`; a value of another kind is found as it is written.
    `country_code` is the company's, for telephone numbers.
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


def loose_values(values: Mapping[str, Iterable[str]], country_code: str = "82") -> set[str]:
    """The strings to look for in squeezed text: where `patterns` finds a value, `squeezed` leaves one of them."""
    found = set()
    for kind, some in values.items():
        for value in some:
            if kind == "phone":
                found.add(_national(_digits(value), country_code) or _digits(value))
            elif kind == "birth_date" and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                year, month, day = value.split("-")
                found.add(f"{year[2:]}{month}{day}")
                found |= {
                    f"{year}{after_year}{m}{after_month}{d}"
                    for after_year in ("", "년")
                    for m in (month, month.lstrip("0"))
                    for after_month in ("", "월")
                    for d in (day, day.lstrip("0"))
                }
            else:
                found.add(squeezed(value))
    return found - {""}


def unsqueezed(values: Iterable[str]) -> str:
    """The expression that finds squeezed `values`, as `loose_values` makes them, in text that is not squeezed.

    It finds them in text of ASCII and Hangul alone.
    """
    between = f"[{_DROPPED_PLAIN}\\x00{END}]*"
    return "|".join(sorted(between.join(map(re.escape, value)) for value in values))


def squeezed(text: str) -> str:
    """`text` without the marks, blanks and forms of letters by which spellings of one value differ."""
    # What counts for nothing must not keep a letter and its accent from being composed.
    text = unicodedata.normalize("NFC", text.replace("\0", "").replace(END, ""))
    text = _SQUEEZED_OUT.sub("", text)
    if not text.isascii():
        # str.translate takes twice as long as all the rest, so it gets full-width digits alone.
        text = _FULL_WIDTH_DIGITS.sub(lambda found: _HALF_WIDTH[ord(found[0]) - 0xFF10], text)
    # Expressions that ignore case take a dotted capital I and a dotless i for an i. casefold does not.
    return text.translate(_LETTERS_I).casefold()


def squeezed_content(content: bytes) -> bytes:
    """`content` with each of its texts `squeezed`. The texts are UTF-8, and END ends each.

    Most text is ASCII and Hangul syllables, and takes two nanoseconds a byte.
    """
    if (others := _others(content)).size:
        pieces, done = [], 0
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord(END))
        for text in np.unique(np.searchsorted(ends, others)).tolist():
            begin = int(ends[text - 1]) + 1 if text else 0
            end = int(ends[text]) if text < len(ends) else len(content)
            pieces += [content[done:begin], squeezed(content[begin:end].decode("utf-8", "replace")).encode()]
            done = end
        content = b"".join((*pieces, content[done:]))
    return content.translate(_LOWER_CASE, _DROPPED_BYTES)


def _others(content: bytes) -> npt.NDArray[np.intp]:
    """Where in UTF-8 a letter begins that is neither ASCII nor a syllable of Hangul, U+AC00 to U+D7A3."""
    begun = np.flatnonzero(np.frombuffer(content.translate(_MAY_BEGIN_OTHERS), np.bool_))
    if not begun.size:
        return begun
    octets = np.frombuffer(content, np.uint8)
    first, second, third = (octets[np.minimum(begun + place, octets.size - 1)] for place in range(3))
    is_syllable = (first == 0xEA) & (second >= 0xB0)
    is_syllable |= (first == 0xED) & ((second < 0x9E) | ((second == 0x9E) & (third <= 0xA3)))
    return begun[~is_syllable]


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
    spelt = [f"{year}{_AFTER_YEAR}{_number(month)}{_AFTER_MONTH}{_number(day)}", f"{year}{month}{day}"]
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
