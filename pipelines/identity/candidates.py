"""Which pairs of records are looked at: those that share a block, so that work grows with records, not with pairs.

A block is two values that agree, seldom by chance, so that common names and large buildings stay narrow. What a
pair is worth is judged in `edges.py`.
"""

import duckdb

TRUSTED = (("person_key",), ("source_system", "site_key"))
"""Columns of `comparable` that are evidence however many records agree on them."""

NARROW = (
    ("email",),
    ("full_name", "birth_digits"),
    ("full_name", "house_number"),
    ("given_name", "birth_digits"),
    ("birth_digits", "region_code"),
    ("birth_digits", "street"),
    ("birth_digits", "house_number"),
    ("given_name", "town", "house_number"),
    ("family_name", "street", "house_number"),
    ("name_parts", "house_number"),
    ("region_code", "street_start", "house_number"),
    ("town", "street_start", "house_number"),
    ("town", "region_code", "house_number"),
)
"""Columns that agree among the records of a person, a household or a building, in a country of any size."""

WIDE = (
    ("birth_digits", "town"),
    ("full_name", "region_code"),
    ("given_name", "region_code", "street_start"),
    ("family_name", "region_code", "house_number"),
    ("family_name", "town", "house_number"),
    ("long_family_name", "region_code", "street_start"),
    ("long_family_name", "town", "street_start"),
)
"""Columns on which the more strangers agree the more customers there are."""

MAX_BLOCK = {**dict.fromkeys(NARROW, 500), **dict.fromkeys(WIDE, 10), **dict.fromkeys(TRUSTED, 500)}
"""How many records share a block up to which each meets each; more of them share it for another reason than being one.

Of wide blocks so few that pairs grow as records do: all pairs of a million people's would be four times as many, and
find one edge in twenty thousand more.
"""


def find_candidates(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the temporary table `candidates` (position_a, position_b, has_common_phone) from the comparable tables.

    Each pair of a new record and a known one, or of two new ones, once, in the order of the positions. Persons and
    corporations are no pair; a telephone number is common only where the two records had it at the same time.
    """
    connection.execute(
        "create or replace temp table met (position_a uinteger, position_b uinteger, has_common_phone boolean)"
    )
    for columns in MAX_BLOCK:
        _meet(connection, columns)
    for columns in TRUSTED:
        _meet_first(connection, columns)
    _meet_by_phone(connection)
    connection.execute("""
        create or replace temp table candidates as
        select position_a, position_b, bool_or(has_common_phone) as has_common_phone
        from met
        group by position_a, position_b
    """)
    connection.execute("drop table met")


def _meet(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> None:
    present = " and ".join(f"{column} is not null" for column in columns)
    connection.execute(f"""
        insert into met
        with

        keyed as materialized (
            select hash({", ".join(columns)}) as block, position, is_new, party_type = 'corporation' as is_corporation
            from comparable
            where {present}
        ),

        looked_at as materialized (
            select block
            from keyed
            group by block
            having count(*) between 2 and {MAX_BLOCK[columns]} and bool_or(is_new)
        ),

        sharing as materialized (
            select keyed.* from keyed semi join looked_at on keyed.block = looked_at.block
        )

        select least(newer.position, other.position), greatest(newer.position, other.position), false
        from sharing as newer
        inner join sharing as other
            on newer.block = other.block
            and newer.is_corporation = other.is_corporation
            and newer.position <> other.position
        where newer.is_new and (not other.is_new or newer.position < other.position)
    """)


def _meet_first(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> None:
    """Of a trusted key that too many records share, each new record meets the first of the others, which joins all."""
    present = " and ".join(f"{column} is not null" for column in columns)
    connection.execute(f"""
        insert into met
        with

        shared as (
            select
                hash({", ".join(columns)}, party_type = 'corporation') as block,
                arg_min(position, record_id, 2) as firsts,
            from comparable
            where {present}
            group by block
            having count(*) > {MAX_BLOCK[columns]} and bool_or(is_new)
        ),

        met_first as (
            select newer.position, if(newer.position = firsts[1], firsts[2], firsts[1]) as first
            from comparable as newer
            inner join shared on hash({", ".join(columns)}, party_type = 'corporation') = shared.block
            where newer.is_new and {present}
        )

        select least(position, first), greatest(position, first), false from met_first
    """)


def _meet_by_phone(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        insert into met
        with

        keyed as materialized (
            select
                comparable_phones.phone,
                comparable_phones.valid_from,
                comparable_phones.valid_to,
                comparable.position,
                comparable.is_new,
                comparable.party_type = 'corporation' as is_corporation
            from comparable_phones
            inner join comparable on comparable_phones.record_id = comparable.record_id
        )

        select least(newer.position, other.position), greatest(newer.position, other.position), true
        from keyed as newer
        inner join keyed as other
            on newer.phone = other.phone
            and newer.valid_from < other.valid_to
            and other.valid_from < newer.valid_to
            and newer.is_corporation = other.is_corporation
            and newer.position <> other.position
        where newer.is_new and (not other.is_new or newer.position < other.position)
    """)
