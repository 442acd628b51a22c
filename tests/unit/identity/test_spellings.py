"""Names and addresses are taken apart once each, follow what is loaded, and are those that staging hands on."""

from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.identity.spellings import note_spellings
from pipelines.ledger.tables import create_tables

CUSTOMERS = {
    "1": ("김은경", "서울특별시 강남구 역삼동 736-1, 래미안아파트 101동 1203호"),
    "2": ("이영희", "부산광역시 해운대구 우동 12, 101동 201호"),
}
PIECES = {
    "DM1": (None, "김 은경님", "서울시 강남구 역삼동 736-1, 래미안APT 101동 1203호 "),
    "DM2": ("1", "김은경 귀하", "서울 강남구 역삼동 736-1"),
}


def fill(
    home: LoadingHome, customers: dict[str, tuple[str, str]], pieces: dict[str, tuple[str | None, str, str]]
) -> None:
    with connected(home.settings, home.settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute("delete from raw.branch__customers")
        warehouse.execute("delete from raw.dm__mailings")
        for number, (name, address) in customers.items():
            warehouse.execute(
                "insert into raw.branch__customers by name "
                "select ? as customer_key, ? as customer_name, ? as address, 'branch' as source_system, "
                "'batch' as batch_id, 1 as row_number, date '2024-01-01' as delivery_date",
                [number, name, address],
            )
        for key, (customer, name, address) in pieces.items():
            warehouse.execute(
                "insert into raw.dm__mailings by name "
                "select ? as mailing_key, ? as customer_key, ? as recipient_name, ? as address, "
                "'vendor' as source_system, 'batch' as batch_id, 1 as row_number, date '2024-01-01' as delivery_date, "
                "date '2024-01-01' as mailed_date",
                [key, customer, name, address],
            )


def test_a_piece_and_a_customer_written_differently_come_to_the_same_name_and_door(home: LoadingHome) -> None:
    fill(home, CUSTOMERS, PIECES)
    note_spellings(home.settings)
    doors = home.rows(
        "select district, town, street, house_number, has_unit, count(*) from identity.addresses "
        "group by all order by all"
    )
    assert doors == [
        ("부산 해운대구", "우동", "우동", "12 101-201", True, 1),
        ("서울 강남구", "역삼동", "역삼동", "736-1 101-1203", True, 2),
    ], "a piece with a customer number is not asked about"
    names = home.rows("select plain_name, list(name order by name) from identity.names group by all")
    assert names == [("김은경", ["김 은경님", "김은경"])], "only customers at an address such a piece went to"


def test_what_no_row_has_any_longer_is_forgotten_and_the_rest_stays_as_it_is(home: LoadingHome) -> None:
    fill(home, CUSTOMERS, PIECES)
    note_spellings(home.settings)
    kept = home.rows("from identity.addresses where district = '부산 해운대구'")
    fill(home, {"2": CUSTOMERS["2"]}, {})
    note_spellings(home.settings)
    assert home.rows("from identity.addresses") == kept
    assert home.rows("from identity.names") == []
