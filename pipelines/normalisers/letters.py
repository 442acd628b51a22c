"""Letters that look alike become the same letters: composed Hangul, half-width Latin letters and digits.

- `plain_letters(text)`: in NFC, full-width letters, digits and signs half as wide, each run of blanks one space
"""

from pipelines.connections import literal

_FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
_HALF_WIDTH = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F))
# All blanks of Unicode but the space, and the invisible ones that spreadsheets and web pages leave behind.
_BLANK = r"\t-\r\x{85}\x{A0}\x{1680}\x{2000}-\x{200D}\x{2028}\x{2029}\x{202F}\x{205F}\x{2060}\x{3000}\x{FEFF}"

# DuckDB writes a macro's argument out at each mention and builds translate's table anew for each row: the argument is
# named once, as a lambda's, and only text that needs it is rewritten. Most text is of Hangul
# and ASCII and needs nothing, which one look says.
MACROS = f"""
create or replace temp macro plain_letters(text) as
    list_transform(
        [text],
        lambda letters: case
            when regexp_full_match(letters, '[!-~가-힣]+( [!-~가-힣]+)*') then letters
            else list_transform(
                [nfc_normalize(letters)],
                lambda composed: trim(case
                    when regexp_matches(composed, '[\uff01-\uff5e{_BLANK}]|  ')
                        then regexp_replace(
                            translate(composed, {literal(_FULL_WIDTH)}, {literal(_HALF_WIDTH)}),
                            '[ {_BLANK}]+', ' ', 'g'
                        )
                    else composed
                end)
            )[1]
        end
    )[1];
"""
