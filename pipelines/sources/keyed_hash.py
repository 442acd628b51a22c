"""The keyed hash that takes the place of a source's own key, where the sources file says `hash: keyed`.

It is HMAC-SHA256 (RFC 2104) of the key in one spelling, under the secret CRMDW_HASH_KEY: its first 128 bits, in
hexadecimal. So the same person has the same key in every system, and nobody without the secret can try numbers out.
"""

import hashlib
from collections.abc import Iterable

import duckdb

from pipelines.connections import identifier
from pipelines.errors import UsageError
from pipelines.settings import NEW_HASH_KEY, hash_key
from pipelines.sources.configuration import Source
from pipelines.sources.landing_table import landed_name

_BLOCK_BYTES = 64
_HASH_DIGITS = 32

# In another spelling the same number would be another person: digits of either width, hyphens and spaces are one.
_MACROS = f"""
create or replace temp macro one_spelling(value) as
    case when regexp_full_match(value, '[\\pN\\p{{Pd}}\\p{{Zs}}\u2212]+') and half_width_digits(value) <> ''
        then half_width_digits(value) else nullif(trim(value), '') end;
create or replace temp macro keyed_hash(value, inner_key, outer_key) as
    left(sha256(outer_key || unhex(sha256(inner_key || encode(one_spelling(value))))), {_HASH_DIGITS});
"""


def hashed_columns(source: Source) -> list[str]:
    """The source's own columns whose values are replaced by their keyed hash, each once."""
    return list(dict.fromkeys(mapping.column for mapping in source.columns.values() if mapping.hash and mapping.column))


def require_hash_key(sources: Iterable[Source]) -> None:
    """Raise UsageError where one of `sources` needs the secret and it is not there, or too short to be one."""
    for source in sources:
        if columns := hashed_columns(source):
            _secret(source, columns)


def _secret(source: Source, columns: list[str]) -> str:
    if key := hash_key():
        return key
    raise UsageError(
        f"{source.feed} of {source.source_system} says hash: keyed of {', '.join(columns)}, "
        "but CRMDW_HASH_KEY is not set",
        f"set it to the secret that earlier loads used; make a first one, and keep it safe, with {NEW_HASH_KEY}",
    )


def hash_keys(gate: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Replace, in `landing`, the values of the hashed columns, and in records of JSON what they were.

    Needs the macros of `personal_numbers.py` and `with_value` of `masking.py`.
    """
    landed_types = {row[0]: row[1] for row in gate.execute("describe landing").fetchall()}
    columns = [name for name in map(landed_name, hashed_columns(source)) if name in landed_types]
    if not columns:
        return
    gate.execute(_MACROS)
    for name in columns:
        if landed_types[name] != "VARCHAR":
            # A number that went through floating point is written with a point.
            gate.execute(
                f"alter table landing alter column {identifier(name)} type varchar "
                f"using regexp_replace({identifier(name)}::varchar, '\\.0$', '')"
            )
    # The secret goes in as parameters, so that no log of statements shows it.
    inner_key, outer_key = padded_keys(_secret(source, columns))
    for name in columns:
        column = identifier(name)
        hashed = f"keyed_hash({column}, $inner_key::blob, $outer_key::blob)"
        record = f", _record = with_value(_record, {column}, {hashed})" if source.format == "json_lines" else ""
        gate.execute(
            f"update landing set {column} = {hashed}{record}", {"inner_key": inner_key, "outer_key": outer_key}
        )


def padded_keys(secret: str) -> tuple[bytes, bytes]:
    """The inner and the outer key of HMAC under `secret`."""
    key = secret.encode()
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
