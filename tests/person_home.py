"""A small home in which one person, 하늘별, is customer of two systems, payer, caller, addressee and refuser."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from loading_home import LoadingHome
from made_once import made_once

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.identity.changes import TABLES
from pipelines.settings import Settings

_FILES = {
    # A later delivery of the same slot supersedes the first one, whose telephone number is then in the archive alone.
    "branch__customers": "K00001,하늘별,1980-07-16,01056261111,Sky@Example.com,세종시 한누리로 12\n"
    "K00002,남남이,1980-07-16,010-2222-2222,other@example.com,세종시 한누리로 99\n"
    + "".join(f"K001{number:02},이름{number},1970-01-01,,,\n" for number in range(60))
    + 'K00003,"하늘별 010-5626-1111\n',
    "branch__contracts": "C1,K00001,2024-01-01\nC2,K00002,2024-01-01\nC3,,2024-01-01\n",
    "branch__contract_holders": "C2,K00001,payer,2024-01-01\nC2,K00002,holder,2024-01-01\n"
    "C3,K00001,holder,2024-01-01\n",
    "branch__transactions": "T1,K00001,C1,2024-01-05,1000\nT2,K00002,C1,2024-01-05,2000\nT3,,C1,2024-01-05,3000\n"
    "T4,,C3,2024-01-05,4000\nT5,,C2,2024-01-05,5000\n",
    "call_center__calls": "L1,,+82 10 5626 1111,inbound,2024-01-06\nL2,K00002,010-5626-1111,inbound,2024-01-06\n"
    "L3,,010-2222-2222,inbound,2024-01-06\n",
    "consent__refusals": "010.5626.1111,dnc,2024-01-06\n010-2222-2222,dnc,2024-01-06\n",
    "dm__mailings": "M1,K00001,하늘별,,2024-01-07\nM2,,하 늘별,세종시  한누리로 12,2024-01-07\n"
    "M3,,하늘별,세종시 한누리로 99,2024-01-07\nM4,K00002,남남이,,2024-01-07\n",
    "dm__returns": "M2,2024-01-09\nM4,2024-01-09\nM1,2024-01-09\n",
    "branch__employees": "E1,하늘별\n",
}
_COLUMNS = {
    "branch__customers": "customer_key,customer_name,birth_date,phone,email,address",
    "branch__contracts": "contract_key,customer_key,signed_date",
    "branch__contract_holders": "contract_key,customer_key,holder_role,valid_from",
    "branch__transactions": "transaction_key,customer_key,contract_key,transacted_at,amount",
    "call_center__calls": "call_key,customer_key,phone,direction,started_at",
    "consent__refusals": "phone,refusal_list,checked_date",
    "dm__mailings": "mailing_key,customer_key,recipient_name,address,mailed_date",
    "dm__returns": "mailing_key,returned_date",
    "branch__employees": "employee_key,employee_name",
}


@pytest.fixture(scope="session")
def person_home(tmp_path_factory: pytest.TempPathFactory) -> LoadingHome:
    """The home, loaded through the real gate. K00001 of `branch` and 77777 of `shop` are one by the ledger."""
    folder = made_once(tmp_path_factory, "person", lambda folder: _load(_home(folder)))
    # Tests open its warehouse for writing, which two processes cannot.
    return _home(shutil.copytree(folder, tmp_path_factory.mktemp("person") / "home"))


def _home(folder: Path) -> LoadingHome:
    home = LoadingHome(Settings(folder, folder / "sources.yml", "1GB", 2, 3))
    for feed, columns in _COLUMNS.items():
        names = columns.split(",")
        mapping: dict[str, Any] = {name: name for name in names}
        if feed == "branch__transactions":
            mapping["amount_role"] = {"constant": "sale"}
        home.add_source(feed, f"{feed}.csv", mapping, codec="utf-8")
    shop = {name: name for name in ("customer_key", "customer_name", "phone")}
    home.add_source("branch__customers", "shop.jsonl", shop, source_system="shop", format="json_lines", codec="utf-8")
    return home


def _load(home: LoadingHome) -> None:
    for feed, columns in _COLUMNS.items():
        home.deliver(f"{feed}.csv", f"{columns}\n{_FILES[feed]}")
    home.deliver("shop.jsonl", '{"customer_key": "77777", "customer_name": "하 늘별", "phone": "02-333-4444"}\n')
    customers = _FILES["branch__customers"]
    superseded = customers.replace("01056261111", "010-9999-0000").replace("K00003", "K00004")
    home.deliver("branch__customers.csv", f"{_COLUMNS['branch__customers']}\n{superseded}")
    home.load("branch__customers")
    home.deliver("branch__customers.csv", f"{_COLUMNS['branch__customers']}\n{customers}")
    for feed in feeds():
        if feed in _COLUMNS:
            home.load(feed)
    with connected(home.settings, home.settings.warehouse) as warehouse:
        warehouse.execute(TABLES)
        _join(warehouse)


def _join(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Assign the records as a resolution would have: each its own, then the shop's merged into the branch's."""
    warehouse.execute(
        """
        create temp table records as
        select distinct
            source_system,
            customer_key,
            md5(length(source_system) || ':' || source_system || ':' || customer_key) as record_id,
        from raw.branch__customers;
        insert into state.identity_assignments select record_id, record_id, 'own_key', 1 from records;
        insert into state.identity_assignments
        select shops.record_id, branches.record_id, 'steward', 2
        from records as shops, records as branches
        where shops.customer_key = '77777' and branches.customer_key = 'K00001';
        insert into state.identity_events
        select 1, 'merge', branches.record_id, shops.record_id, null, null, 'steward', null, 'model', 2, now(), 'run'
        from records as shops, records as branches
        where shops.customer_key = '77777' and branches.customer_key = 'K00001'
        """
    )
