"""Records in the shape in which they are compared: numbered, with what is derived from their values.

Also which telephone numbers and e-mail addresses too many names share to tell anybody from anybody. What is
compared, and how, is `comparisons.py`; which pairs are looked at, `pairs.py`.
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


def number_records(connection: duckdb.DuckDBPyConnection, records: str, phones: str, new: str | None) -> None:
    """Create what pairs are sought in: views `numbered`, one row per record, and `dated_phones`; table `new_positions`.

    `records` is a table, not a view: positions are those of its rows, and hold within this call only. Where `new` is
    None, everybody is new and `new_positions` stays empty. A street is the town where the address is by lot. Values
    that more than MAX_NAMES names share are left out; with `new`, as far as new records bring them.
    """
    _find_shared(connection, records, phones, new)
    connection.execute("create or replace temp table new_positions (position uinteger)")
    if new:
        connection.execute(f"""
            insert into new_positions
            select rowid from {records} where record_id in (select record_id from {new})
        """)
    connection.execute(f"""
        create or replace temp view dated_phones as
        select
            record_id,
            phone,
            coalesce(valid_from, date '0001-01-01') as valid_from,
            coalesce(valid_to, date '9999-12-31') as valid_to
        from {phones}
        where phone not in (select phone from shared_phones)
    """)
    connection.execute(f"""
        create or replace temp view numbered as
        select
            rowid::uinteger as position,
            record_id,
            coalesce(party_type, 'person') as party_type,
            source_system,
            person_key,
            site_key,
            full_name,
            family_name,
            case when length(family_name) >= {LONG_NAME} then family_name end as long_family_name,
            given_name,
            least(family_name, given_name) || greatest(family_name, given_name) as name_parts,
            birth_date,
            sex,
            case when email not in (select email from shared_emails) then email end as email,
            region_code,
            town,
            coalesce(street, town, region_code) as street,
            replace(coalesce(street, town, region_code), ' ', '')[1:5] as street_start,
            house_number,
            coalesce(has_unit, false) as has_unit
        from {records}
    """)


def make_comparable(connection: duckdb.DuckDBPyConnection, among: str | None = None) -> None:
    """Create the temporary table `comparable`, one row per record, or per `position` in the table `among`."""
    chosen = f"semi join {among} on numbered.position = {among}.position" if among else ""
    connection.execute(f"""
        create or replace temp table comparable as
        with

        chosen as materialized (
            select numbered.* from numbered {chosen}
        ),

        names as (
            select full_name, {_LETTERS} as letters
            from (select distinct full_name from chosen where full_name is not null)
        )

        select
            chosen.* exclude (birth_date),
            strftime(chosen.birth_date, '%Y%m%d') as birth_digits,
            split_part(chosen.house_number, ' ', 1) as building,
            names.letters,
            chosen.record_id in (select record_id from dated_phones) as has_phone
        from chosen
        left join names on chosen.full_name = names.full_name
    """)


def drop_comparable(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `number_records` and `make_comparable` created."""
    for view in ("numbered", "dated_phones"):
        connection.execute(f"drop view {view}")
    for table in ("comparable", "new_positions", "shared_phones", "shared_emails"):
        connection.execute(f"drop table {table}")


def _find_shared(connection: duckdb.DuckDBPyConnection, records: str, phones: str, new: str | None) -> None:
    connection.execute(f"""
        create or replace temp table shared_phones as
        select phones.phone
        from {phones} as phones
        inner join {records} as records on phones.record_id = records.record_id
        where phones.phone is not null and {_at_new("phones.phone", "phone", phones, new)}
        group by phones.phone
        having count(distinct records.full_name) > {MAX_NAMES}
    """)
    connection.execute(f"""
        create or replace temp table shared_emails as
        select email
        from {records}
        where email is not null and {_at_new("email", "email", records, new)}
        group by email
        having count(distinct full_name) > {MAX_NAMES}
    """)


def _at_new(value: str, column: str, table: str, new: str | None) -> str:
    """Whether `value` is one that the new records bring; only those are counted."""
    if new is None:
        return "true"
    return f"{value} in (select {column} from {table} where record_id in (select record_id from {new}))"
