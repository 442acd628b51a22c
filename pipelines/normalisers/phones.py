r"""Telephone numbers as one dials them within the company's country, digits alone.

- `plain_phone(phone)`: +82 10-1234-5678, 010.1234.5678, 0082 10 1234 5678 and full-width digits become 01012345678;
  another country's number keeps its own code; null where fewer than seven digits are left. The same as the dbt macro
  plain_phone
- `is_mobile_phone(plain)`: whether a `plain_phone` is a mobile number, which is one person's at a time; null in a
  country whose mobile numbers are not known here
"""

from pipelines.connections import literal

MOBILE_NUMBERS = {
    "82": r"01[016789]\d{7,8}",
    "81": r"0[789]0\d{8}",
    "44": r"07[1-57-9]\d{8}",
    "49": r"01[567]\d{8,9}",
    "33": r"0[67]\d{8}",
    "61": r"04\d{8}",
}
"""Per country code, as dialled within the country. Where mobile and fixed numbers look alike (1), there is no entry."""


def macros(country_code: str) -> str:
    """The macros' SQL; raises ValueError where `country_code` is not one to three digits."""
    if not (country_code.isascii() and country_code.isdigit() and len(country_code) <= 3):
        raise ValueError(f"{country_code!r} is no country code: one to three digits, without plus sign.")
    mobile = MOBILE_NUMBERS.get(country_code)
    is_mobile = f"regexp_full_match(plain, {literal(mobile)})" if mobile else "null::boolean"
    return f"""
create or replace temp macro plain_phone(phone) as
    list_transform(
        [regexp_replace(translate(phone, '０１２３４５６７８９', '0123456789'), '[^0-9]', '', 'g')],
        lambda digits: case
            when length(digits) >= 10 then regexp_replace(digits, '^(00)?{country_code}0?', '0')
            when length(digits) >= 7 then digits
        end
    )[1];
create or replace temp macro is_mobile_phone(plain) as {is_mobile};
"""
