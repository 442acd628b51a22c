"""Records in the shape in which they are compared: one narrow row each, numbered, with what is derived from its values.

Also which telephone numbers and e-mail addresses too many names share to tell anybody from anybody. What is
compared, and how, is `comparisons.py`; which pairs are looked at, `candidates.py`.
"""

import duckdb

MAX_NAMES = 5
"""Distinct names at one telephone number or e-mail address up to which it says anything about a person: a family's."""

LONG_NAME = 4
"""Letters from which a family name is rare enough to look within a street for it; Korean ones are shorter, and few."""

# One Latin or digit character per Hangul letter, for DuckDB counts edits in bytes; a final consonant is the letter
# of the same initial one. Syllables are ordered by initial, vowel and final (Unicode 16.0, section 3.12).
_INITIALS = "ABCDEFGHIJKLMNOPQRS"
_VOWELS = "0123456789:;<=>?@[]^_"
_FINALS = " ABTCUVDFWXYZaefGHgJKLMOPQRS"[:28]
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3

_LETTERS = f"""
    list_aggregate(list_transform(string_split(full_name, ''), lambda character:
        case when unicode(character) between {_FIRST_SYLLABLE} and {_LAST_SYLLABLE}
            then '{_INITIALS}'[(unicode(character) - {_FIRST_SYLLABLE}) // 588 + 1]
                || '{_VOWELS}'[(unicode(character) - {_FIRST_SYLLABLE}) % 588 // 28 + 1]
                || trim('{_FINALS}'[(unicode(character) - {_FIRST_SYLLABLE}) % 28 + 1])
            else character
        end), 'string_agg', '')
"""


def prepare(connection: duckdb.DuckDBPyConnection, records: str, phones: str, new: str | None) -> None:
    """Create temporary tables `comparable`, one row per record, and `comparable_phones`, one per record and interval.

    Positions number the records within this call only. A street is the town where the address is by lot. Values that
    more than MAX_NAMES names share are left out; with `new`, as far as new records bring them.
    """
    connection.execute(f"""
        create or replace temp table comparable_names as
        select full_name, {_LETTERS} as letters
        from (select distinct full_name from {records} where full_name is not null)
    """)
    connection.execute(f"""
        create or replace temp table comparable_phones as
        with

        dated as (
            select
                record_id,
                phone,
                coalesce(valid_from, date '0001-01-01') as valid_from,
                coalesce(valid_to, date '9999-12-31') as valid_to
            from {phones}
            where phone is not null
        ),

        shared as (
            select dated.phone
            from dated
            inner join {records} as records on dated.record_id = records.record_id
            where {_at_new("dated.phone", "phone", phones, new)}
            group by dated.phone
            having count(distinct records.full_name) > {MAX_NAMES}
        )

        select * from dated where phone not in (select phone from shared)
    """)
    is_new = f"records.record_id in (select record_id from {new})" if new else "true"
    connection.execute(f"""
        create or replace temp table comparable as
        with

        shared as (
            select email
            from {records}
            where email is not null and {_at_new("email", "email", records, new)}
            group by email
            having count(distinct full_name) > {MAX_NAMES}
        ),

        numbers as (
            select record_id, list_sort(list(distinct phone)) as phones from comparable_phones group by record_id
        )

        select
            (row_number() over ())::uinteger as position,
            records.record_id,
            {is_new} as is_new,
            coalesce(records.party_type, 'person') as party_type,
            records.source_system,
            records.person_key,
            records.site_key,
            records.full_name,
            comparable_names.letters,
            records.family_name,
            case when length(records.family_name) >= {LONG_NAME} then records.family_name end as long_family_name,
            records.given_name,
            least(records.family_name, records.given_name) || greatest(records.family_name, records.given_name)
                as name_parts,
            strftime(records.birth_date, '%Y%m%d') as birth_digits,
            records.sex,
            numbers.phones,
            case when shared.email is null then records.email end as email,
            records.region_code,
            records.town,
            coalesce(records.street, records.town, records.region_code) as street,
            replace(coalesce(records.street, records.town, records.region_code), ' ', '')[1:5] as street_start,
            records.house_number,
            split_part(records.house_number, ' ', 1) as building,
            coalesce(records.has_unit, false) as has_unit
        from {records} as records
        left join comparable_names on records.full_name = comparable_names.full_name
        left join shared on records.email = shared.email
        left join numbers on records.record_id = numbers.record_id
    """)


def drop_comparable(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `prepare` created."""
    for table in ("comparable", "comparable_names", "comparable_phones"):
        connection.execute(f"drop table {table}")


def _at_new(value: str, column: str, table: str, new: str | None) -> str:
    """Whether `value` is one that the new records bring; only those are counted."""
    if new is None:
        return "true"
    return f"{value} in (select {column} from {table} where record_id in (select record_id from {new}))"
