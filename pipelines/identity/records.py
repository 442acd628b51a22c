"""The source records that are to be told apart or brought together, gathered from raw and normalised.

Two tables come of it: records as they are known last, and each record's telephone numbers with the days they held.
"""

import duckdb

RECORD_ID = (
    "md5(coalesce(length(source_system)::varchar || ':' || source_system, '-') || coalesce(':' || customer_key, '-'))"
)
"""The key of a record of raw.branch__customers: the same as dbt's surrogate_key of system and number."""

# A business registration number that fails its check was mistyped, and another firm may have it.
_PERSON_KEY = """
    case
        when regexp_full_match(trim(person_key), '[0-9-]+') and length(replace(trim(person_key), '-', '')) = 10
            then plain_business_number(person_key)
        else nullif(trim(person_key), '')
    end
"""

_RECORDS = f"""
create or replace table {{target}} as
with versions as (
    select {RECORD_ID} as record_id, *
    from {{raw}}
), last_known as (
    select
        *,
        min(delivery_date) over (partition by record_id) as first_delivery_date,
        spaced_name(customer_name) as spaced,
        address_parts(address) as parts,
    from versions
    where {{condition}}
    qualify row_number() over (
        partition by record_id order by delivery_date desc, batch_id desc, row_number desc
    ) = 1
), called as (
    -- A shop is known by who keeps it, where its name says who that is.
    select * replace (if(party_type = 'sole_proprietor', coalesce(owner_name(spaced), spaced), spaced) as spaced)
    from last_known
)
select
    record_id,
    source_system,
    customer_key as record_key,
    first_delivery_date,
    party_type,
    {_PERSON_KEY} as person_key,
    null::varchar as site_key,
    replace(spaced, ' ', '') as full_name,
    if(party_type = 'corporation', null, family_name(spaced)) as family_name,
    if(party_type = 'corporation', null, given_name(spaced)) as given_name,
    birth_date,
    sex,
    plain_email(email) as email,
    area_key as region_code,
    parts.town as town,
    parts.street as street,
    parts.house_number as house_number,
    coalesce(parts.has_unit, false) as has_unit,
from called
"""

# A number holds from the day it was first delivered until the day another one, or none, was.
_PHONES = f"""
create or replace table {{target}} as
with versions as (
    select {RECORD_ID} as record_id, plain_phone(phone) as phone, delivery_date, batch_id, row_number
    from {{raw}}
), changes as (
    select *
    from versions
    where {{condition}}
    window of_record as (partition by record_id order by delivery_date, batch_id, row_number)
    qualify phone is distinct from lag(phone) over of_record or lag(record_id) over of_record is null
)
select
    record_id,
    phone,
    delivery_date as valid_from,
    lead(delivery_date) over (partition by record_id order by delivery_date, batch_id, row_number) as valid_to,
from changes
qualify phone is not null and valid_to is distinct from valid_from
"""


def gather_records(connection: duckdb.DuckDBPyConnection, raw: str, records: str, phones: str, of: str | None) -> None:
    """Create the tables `records` and `phones` from the customer records in `raw`.

    With `of`, a table of record_id, of these alone. Needs the normalising macros. Their columns are in
    `pipelines/identity/__init__.py`.
    """
    condition = f"record_id in (select record_id from {of})" if of else "true"
    connection.execute(_RECORDS.format(target=records, raw=raw, condition=condition))
    connection.execute(_PHONES.format(target=phones, raw=raw, condition=condition))
