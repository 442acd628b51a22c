"""Simulated registrations: people known to several systems, written dirty and made comparable again, and the truth.

For the tests and benchmarks of identity; the simulated company of `simulation.py` is another one. What is drawn is
`registration_draws.py`, how it is written down `registration_text.py`.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.connections import literal
from pipelines.normalisers import create_normalising_macros
from pipelines.normalisers.addresses import create_region_keys
from pipelines.simulator import registration_draws as draws
from pipelines.simulator.areas import Areas, draw_areas
from pipelines.simulator.registration_text import CREATE_WRITTEN, PHONES_WRITTEN

MEMORY_LIMIT = "2GB"
"""What DuckDB may take beside the drawn arrays; the rest spills."""


def write_registrations(folder: Path, people: int, seed: int, keyed_share: float = 0.0) -> None:
    """Write identity's canonical tables records.parquet and phones.parquet, and truth.parquet (record_id, person_id).

    Also rows.parquet: what they come from, as the rows of raw.branch__customers, one per record and telephone number.
    `people` are persons and, 1 %, corporations, with 2.5 records each on average, from four source systems over two
    years of delivery dates. The last day brings 0.4 % of the records, so that it can be held back. 2 % of the persons
    appear once as the sole proprietor of a shop, in truth under their own person_id. The same seed writes the same
    rows.

    Surnames are drawn by their share in the census (names.py), so homonyms are as frequent as in life, birth dates from
    ages of 19 to 86, homes in areas.py, most of them flats. One in five persons lives in the home of another, most of
    these under the same surname, one in four of them with the same telephone. Each record departs from its person by
    the shares in registration_draws.py: name error, birth date missing or wrong, telephone missing or another one,
    e-mail missing, another address. A number that was re-issued is each owner's within dated intervals only.

    `keyed_share` of the records have a person_key (of a corporation its business registration number) and a site_key.
    """
    generator = np.random.default_rng(seed)
    areas = draw_areas(generator)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as spill, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"set temp_directory = {literal(spill)}")
        create_normalising_macros(connection)
        _create_areas(connection, areas)
        tables = {
            "people": draws.draw_people(people, generator),
            "homes": draws.draw_homes(people, areas, generator),
            "drawn": draws.draw_records(people, keyed_share, generator),
        }
        for name, table in tables.items():
            connection.register(name, table)
        connection.execute(CREATE_WRITTEN)
        for name in list(tables):
            connection.unregister(name)
            del tables[name]
        rows = _ROWS.format(records=literal(folder / "records.parquet"))
        for name, query in (("records", _RECORDS), ("phones", _PHONES), ("truth", _TRUTH), ("rows", rows)):
            connection.execute(f"copy ({query}) to {literal(folder / f'{name}.parquet')} (format parquet)")


def _create_areas(connection: duckdb.DuckDBPyConnection, areas: Areas) -> None:
    table = pa.table(
        {
            "area": np.arange(len(areas.key)),
            "region_code": areas.key,
            "province": areas.province,
            "district": areas.district,
            "town": areas.town,
        }
    )
    connection.register("drawn_areas", table)
    connection.execute("create temp table areas as select *, short_province(province) as short from drawn_areas")
    connection.execute(
        "create temp table regions as "
        "select region_code, concat_ws(' ', province, district, town) as region_name, true as is_current from areas"
    )
    create_region_keys(connection, "regions")


# A name is taken apart once, however many records have it written like that.
_RECORDS = """
with spaced_names as (
    select party_type, customer_name, spaced_name(customer_name) as spaced
    from (select distinct party_type, customer_name from written)
),
called as (
    select
        party_type,
        customer_name,
        if(party_type = 'sole_proprietor', coalesce(owner_name(spaced), spaced), spaced) as called
    from spaced_names
),
names as (
    select
        party_type,
        customer_name,
        replace(called, ' ', '') as full_name,
        case when party_type <> 'corporation' then family_name(called) end as family_name,
        case when party_type <> 'corporation' then given_name(called) end as given_name
    from called
),
taken_apart as (
    select *, address_parts(address) as parts from written
)
select
    record_id,
    source_system,
    record_key,
    first_delivery_date,
    party_type,
    case
        when not is_keyed then null
        when party_type = 'corporation' then business_number || business_check_digit(business_number)::bigint
        else md5('person ' || person)
    end as person_key,
    case when is_keyed then md5(source_system || person) end as site_key,
    full_name,
    family_name,
    given_name,
    plain_date(birth_text, first_delivery_date) as birth_date,
    sex,
    plain_email(email_text) as email,
    region_code(parts) as region_code,
    parts.town as town,
    parts.street as street,
    parts.house_number as house_number,
    parts.has_unit as has_unit
from taken_apart
inner join names using (party_type, customer_name)
order by record_id
"""

_PHONES = f"""
select record_id, plain_phone(phone) as phone, valid_from, valid_to
from ({PHONES_WRITTEN})
order by record_id, valid_from
"""

_ROWS = f"""
with numbers as (
    {PHONES_WRITTEN}
),
deliveries as (
    select record_id, first_delivery_date as delivery_date from written
    union
    select record_id, valid_from from numbers
)
select
    written.source_system,
    deliveries.delivery_date,
    written.record_key as customer_key,
    records.person_key,
    records.site_key,
    written.party_type,
    written.customer_name,
    written.sex,
    records.birth_date,
    numbers.phone,
    written.email_text as email,
    written.address,
    records.region_code as area_key
from deliveries
inner join written using (record_id)
inner join read_parquet({{records}}) as records using (record_id)
left join numbers on deliveries.record_id = numbers.record_id and deliveries.delivery_date = numbers.valid_from
order by deliveries.delivery_date, deliveries.record_id
"""

_TRUTH = "select record_id, 'P' || person as person_id from written order by record_id"
