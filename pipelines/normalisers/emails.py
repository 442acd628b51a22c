r"""E-mail addresses in lower case.

- `plain_email(text)`: trimmed, without `mailto:` and angle brackets, full-width letters half as wide; null where it is
  not one address. The form is the HTML standard's (4.10.5.1.5) with at least one dot, and letters of any script in the
  domain
"""

from pipelines.connections import literal

_LOCAL = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+"
# A class of all the world's letters makes a slow expression; whatever is not ASCII stands for them.
_LETTER = r"a-z0-9\x{80}-\x{10ffff}"
_LABEL = f"[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?"
_EMAIL = rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})+"

MACROS = f"""
create or replace temp macro plain_email(text) as
    nullif(
        regexp_extract(
            lower(plain_letters(text)), {literal(rf"^(?:mailto: ?|[^<>@]* ?<)?({_EMAIL})>?$")}, 1
        ),
        ''
    );
"""
