"""The source records that identity resolves, gathered from raw and normalised.

Two tables come of it: records as they are known last, and each record's telephone numbers with the days they held.
"""

import duckdb


def surrogate_key(system: str, key: str) -> str:
    """The SQL of the key that stands for a system's `key`: the same as dbt's surrogate_key of the two."""
    return f"md5(coalesce(length({system})::varchar || ':' || {system}, '-') || coalesce(':' || {key}, '-'))"


RECORD_ID = surrogate_key("source_system", "customer_key")
"""The key of a record of raw.branch__customers."""

# A business registration number that fails its check was mistyped, and another firm may have it.
PERSON_KEY = """
    case
        when regexp_full_match(trim(person_key), '[0-9-]+') and length(replace(trim(person_key), '-', '')) = 10
            then plain_business_number(person_key)
        else nullif(trim(person_key), '')
    end
"""

_RECORDS = f"""
create or replace table {{target}} as
with versions as (
    select * from {{raw}} where {{condition}}
), newest as (
    select
        min(delivery_date) as first_delivery_date,
        max(struct_pack(delivery_date, batch_id, row_number)) as version,
    from versions
    group by source_system, customer_key
), last_known as (
    select versions.*, newest.first_delivery_date
    from versions
    inner join newest on versions.batch_id = newest.version.batch_id and versions.row_number = newest.version.row_number
), places as (
    -- An address is taken apart once, however many records have it; so is a name.
    select address, address_parts(address) as parts
    from (select distinct address from last_known)
), spaced_names as (
    select party_type, customer_name, spaced_name(customer_name) as spaced
    from (select distinct party_type, customer_name from last_known)
), called as (
    -- A shop is known by who keeps it, where its name says who that is.
    select * replace (if(party_type = 'sole_proprietor', coalesce(owner_name(spaced), spaced), spaced) as spaced)
    from spaced_names
), names as (
    select
        party_type,
        customer_name,
        replace(spaced, ' ', '') as full_name,
        if(party_type = 'corporation', null, family_name(spaced)) as family_name,
        if(party_type = 'corporation', null, given_name(spaced)) as given_name,
    from called
)
select
    {RECORD_ID} as record_id,
    source_system,
    customer_key as record_key,
    first_delivery_date,
    last_known.party_type,
    {PERSON_KEY} as person_key,
    nullif(trim(site_key), '') as site_key,
    names.full_name,
    names.family_name,
    names.given_name,
    birth_date,
    sex,
    plain_email(email) as email,
    area_key as region_code,
    places.parts.town as town,
    places.parts.street as street,
    places.parts.house_number as house_number,
    coalesce(places.parts.has_unit, false) as has_unit,
from last_known
left join places on last_known.address = places.address
left join names
    on last_known.party_type is not distinct from names.party_type
    and last_known.customer_name is not distinct from names.customer_name
"""

# A number holds from the day it was first delivered until the day another one, or none, was.
_PHONES = f"""
create or replace table {{target}} as
with versions as (
    select source_system, customer_key, plain_phone(phone) as phone, delivery_date, batch_id, row_number
    from {{raw}}
    where {{condition}}
), changes as (
    select *
    from versions
    window of_record as (partition by source_system, customer_key order by delivery_date, batch_id, row_number)
    qualify phone is distinct from lag(phone) over of_record or row_number() over of_record = 1
), dated as (
    select
        *,
        delivery_date as valid_from,
        lead(delivery_date) over (
            partition by source_system, customer_key order by delivery_date, batch_id, row_number
        ) as valid_to,
    from changes
)
select {RECORD_ID} as record_id, phone, valid_from, valid_to
from dated
where phone is not null and valid_to is distinct from valid_from
"""


def gather_records(connection: duckdb.DuckDBPyConnection, raw: str, records: str, phones: str, of: str | None) -> None:
    """Create the tables `records` and `phones` from the customer records in `raw`.

    With `of`, a table of (source_system, customer_key), of these alone. Needs the normalising macros. Their columns are
    in `pipelines/identity/__init__.py`.
    """
    condition = f"(source_system, customer_key) in (select (source_system, customer_key) from {of})" if of else "true"
    connection.execute(_RECORDS.format(target=records, raw=raw, condition=condition))
    connection.execute(_PHONES.format(target=phones, raw=raw, condition=condition))
