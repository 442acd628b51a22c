"""Names and addresses as they are written, each once, beside what is left of them when they are made comparable.

For the models, which join by it: whose mail a piece without a customer number is, and who lives at one door. Who is one
customer does not depend on it.
"""

import duckdb

from pipelines.connections import connected
from pipelines.normalisers import create_normalising_macros
from pipelines.settings import Settings

# As the dbt macro clean_text has it, by which staging gives texts to the models.
_MACROS = """
create or replace temp macro clean_text(text) as nullif(trim(nfc_normalize(text)), '');
"""

TABLES = """
create schema if not exists identity;
create table if not exists identity.addresses (
    address varchar, district varchar, town varchar, street varchar, house_number varchar, has_unit boolean
);
create table if not exists identity.names (name varchar, plain_name varchar);
"""

_WANTED_ADDRESSES = """
create or replace temp table wanted as
select clean_text(address) as address from raw.branch__customers
union
select clean_text(address) from raw.dm__mailings where customer_key is null
"""

_NEW_ADDRESSES = """
insert into identity.addresses
select address, district_key(parts), parts.town, parts.street, parts.house_number, coalesce(parts.has_unit, false)
from (
    select address, address_parts(address) as parts
    from wanted
    anti join identity.addresses using (address)
    where address is not null
)
"""

# Of customers, only those to whose house a piece without a number went: there are few such pieces.
_WANTED_NAMES = """
create or replace temp table wanted as
with pieces as (
    select clean_text(recipient_name) as name, clean_text(address) as address
    from raw.dm__mailings
    where customer_key is null
), houses as (
    select street, house_number
    from identity.addresses
    where address in (select address from pieces)
)
select name from pieces
union
select clean_text(customer_name)
from raw.branch__customers
where clean_text(address) in (
    select address
    from identity.addresses
    where (street, house_number) in (select (street, house_number) from houses)
)
"""

_NEW_NAMES = """
insert into identity.names
select name, plain_name(name)
from wanted
anti join identity.names using (name)
where name is not null
"""


def note_spellings(settings: Settings) -> None:
    """Bring `identity.addresses` and `identity.names` up to what is loaded, in one transaction."""
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute("begin transaction")
        bring_up_spellings(warehouse)
        warehouse.execute("commit")


def bring_up_spellings(warehouse: duckdb.DuckDBPyConnection) -> None:
    """The same within the caller's transaction.

    Only what is new is taken apart, and what no row has any longer is forgotten.
    """
    create_normalising_macros(warehouse)
    warehouse.execute(_MACROS)
    warehouse.execute(TABLES)
    _bring_up(warehouse, "addresses", "address", _WANTED_ADDRESSES, _NEW_ADDRESSES)
    _bring_up(warehouse, "names", "name", _WANTED_NAMES, _NEW_NAMES)


def _bring_up(warehouse: duckdb.DuckDBPyConnection, table: str, text: str, wanted: str, new: str) -> None:
    warehouse.execute(wanted)
    warehouse.execute(
        f"delete from identity.{table} where {text} not in (select {text} from wanted where {text} <> '')"
    )
    warehouse.execute(new)
