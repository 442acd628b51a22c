"""Which pairs of records are looked at: those that share a block, so that work grows with records, not with pairs.

A block is two values that agree, seldom by chance, so that common names and large buildings stay narrow. What a
pair is worth is judged in `edges.py`.
"""

from dataclasses import dataclass

import duckdb

from pipelines.identity.comparable import make_comparable

NARROW, WIDE, WIDEST = 500, 10, 4
"""How many records share a block up to which each meets each; more share it for another reason than being one.

A narrow one holds the records of a person, a household or a building, in a country of any size. On the columns of a
wide one the more strangers agree the more customers there are: of these so few that pairs grow as records do.
"""


@dataclass(frozen=True)
class Block:
    """Records of one kind of party that agree on `columns` of `numbered` meet, where at most `most` of them do.

    Where all of them agree on `had` as well, they have met in the earlier block of these columns.
    """

    columns: tuple[str, ...]
    most: int = NARROW
    had: tuple[str, ...] = ()


_BUILDING = ("town", "street_start", "house_number")

TRUSTED = (Block(("person_key",)), Block(("source_system", "site_key")))
"""Blocks of what is evidence however many records agree on it."""

BLOCKS = (
    Block(_BUILDING),
    Block(("full_name", "birth_date"), had=_BUILDING),
    Block(("given_name", "birth_date"), had=("full_name", "birth_date")),
    Block(("email",), had=("full_name", "birth_date")),
    Block(("birth_date", "region_code"), had=("given_name", "birth_date")),
    Block(("birth_date", "street"), had=("given_name", "birth_date")),
    Block(("birth_date", "house_number"), had=_BUILDING),
    Block(("given_name", "town", "house_number"), had=_BUILDING),
    Block(("family_name", "street", "house_number"), had=_BUILDING),
    Block(("name_parts", "house_number"), had=_BUILDING),
    Block(("region_code", "street_start", "house_number"), had=_BUILDING),
    Block(("town", "region_code", "house_number"), had=_BUILDING),
    Block(("full_name", "region_code"), WIDE, _BUILDING),
    Block(("family_name", "region_code", "house_number"), WIDE, _BUILDING),
    Block(("long_family_name", "region_code", "street_start"), WIDE),
    Block(("long_family_name", "town", "street_start"), WIDE),
    Block(("given_name", "region_code", "street_start"), WIDEST, _BUILDING),
    Block(("birth_date", "town"), WIDEST, ("given_name", "birth_date")),
    *TRUSTED,
)


def find_pairs(connection: duckdb.DuckDBPyConnection, is_everybody_new: bool) -> None:
    """Create the temporary table `met_pairs` (position_a, position_b, has_common_phone) from the numbered records.

    Each pair of a new record and a known one, or of two new ones, once, in the order of the positions; new are those in
    `new_positions`, or all. Persons and corporations are no pair; a telephone number is common only where the two
    records had it at the same time. Also makes these records `comparable`.
    """
    connection.execute("create or replace temp table met (position_a uinteger, position_b uinteger)")
    _take_keys(connection)
    for block in BLOCKS:
        _meet(connection, block, is_everybody_new)
    for block in TRUSTED:
        _meet_first(connection, block, is_everybody_new)
    connection.execute("drop table keys")
    _meet_by_phone(connection, is_everybody_new)
    connection.execute("""
        create or replace temp table met_pairs as
        select position_a, position_b, bool_or(has_common_phone) as has_common_phone
        from (
            select position_a, position_b, false as has_common_phone from met
            union all
            select position_a, position_b, true from met_by_phone
        )
        group by position_a, position_b
    """)
    connection.execute("drop table met")
    connection.execute("drop table met_by_phone")
    connection.execute("""
        create or replace temp table looked_at as
        select position_a as position from met_pairs
        union
        select position_b from met_pairs
    """)
    make_comparable(connection, "looked_at")
    connection.execute("drop table looked_at")


def _take_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table `keys` (position and the columns of all blocks): every value as its hash, taken once for all."""
    columns = sorted({column for block in BLOCKS for column in block.columns})
    hashes = ", ".join(
        f"case when {column} is not null then hash({column}, party_type = 'corporation') end as {column}"
        for column in columns
    )
    connection.execute(f"create or replace temp table keys as select position, {hashes} from numbered")


def _meet(connection: duckdb.DuckDBPyConnection, block: Block, is_everybody_new: bool) -> None:
    has_more = "true"
    if block.had:
        has_more = "(count(had) < count(*) or min(had) <> max(had))"
    connection.execute(f"""
        insert into met
        with

        {_keyed_sql(block, is_everybody_new)},

        blocks as (
            select
                list(position) filter (is_new) as newer,
                coalesce(list(position) filter (not is_new), []) as known
            from keyed
            group by block
            having count(*) between 2 and {block.most} and bool_or(is_new) and {has_more}
        ),

        placed as (
            select newer, known, unnest(range(1, length(newer) + 1)) as place from blocks
        ),

        pairs as (
            select newer[place] as one, unnest(newer[place + 1:] || known) as other from placed
        )

        select least(one, other), greatest(one, other) from pairs
    """)


def _meet_first(connection: duckdb.DuckDBPyConnection, block: Block, is_everybody_new: bool) -> None:
    """Of a trusted key that too many records share, each new record meets the first of the others, which joins all."""
    connection.execute(f"""
        insert into met
        with

        {_keyed_sql(block, is_everybody_new)},

        wide as (
            select block from keyed group by block having count(*) > {block.most} and bool_or(is_new)
        ),

        members as (
            select keyed.*, numbered.record_id
            from keyed
            inner join numbered on keyed.position = numbered.position
            where keyed.block in (select block from wide)
        ),

        blocks as (
            select list(position) filter (is_new) as newer, arg_min(position, record_id, 2) as firsts
            from members
            group by block
        ),

        pairs as (
            select unnest(newer) as one, firsts from blocks
        ),

        met_first as (
            select one, if(one = firsts[1], firsts[2], firsts[1]) as other from pairs
        )

        select least(one, other), greatest(one, other) from met_first
    """)


def _keyed_sql(block: Block, is_everybody_new: bool) -> str:
    """The query `keyed` (block, had, position, is_new) of the records in blocks that a new one is in."""
    had = f"case when {_present(block.had)} then hash({', '.join(block.had)}) end" if block.had else "null"
    keyed = f"""
        select hash({", ".join(block.columns)}) as block, {had} as had, position
        from keys
        where {_present(block.columns)}
    """
    if is_everybody_new:
        return f"keyed as (select *, true as is_new from ({keyed}))"
    return f"""
        everybody as materialized ({keyed}),

        newer as (select block from everybody where position in (select position from new_positions)),

        keyed as (
            select *, position in (select position from new_positions) as is_new
            from everybody
            where block in (select block from newer)
        )
    """


def _present(columns: tuple[str, ...]) -> str:
    return " and ".join(f"{column} is not null" for column in columns)


def _meet_by_phone(connection: duckdb.DuckDBPyConnection, is_everybody_new: bool) -> None:
    is_new = "true" if is_everybody_new else "numbered.position in (select position from new_positions)"
    at_new = "true"
    if not is_everybody_new:
        at_new = """dated_phones.phone in (
            select phone from dated_phones
            where record_id in (
                select record_id from numbered where position in (select position from new_positions)
            )
        )"""
    connection.execute(f"""
        create or replace temp table met_by_phone as
        with

        keyed as materialized (
            select
                dated_phones.phone,
                dated_phones.valid_from,
                dated_phones.valid_to,
                numbered.position,
                {is_new} as is_new,
                numbered.party_type = 'corporation' as is_corporation
            from dated_phones
            inner join numbered on dated_phones.record_id = numbered.record_id
            where {at_new}
        )

        select
            least(newer.position, other.position) as position_a,
            greatest(newer.position, other.position) as position_b
        from keyed as newer
        inner join keyed as other
            on newer.phone = other.phone
            and newer.valid_from < other.valid_to
            and other.valid_from < newer.valid_to
            and newer.is_corporation = other.is_corporation
            and newer.position <> other.position
        where newer.is_new and (not other.is_new or newer.position < other.position)
    """)
