"""One connection with all the macros, and how a test asks it."""

from collections.abc import Callable, Iterator

import duckdb
import pytest

from pipelines.normalisers import create_normalising_macros


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        create_normalising_macros(opened)
        yield opened


@pytest.fixture(scope="session")
def value(connection: duckdb.DuckDBPyConnection) -> Callable[..., object]:
    """The value of an SQL expression in which `text` is the given text."""

    def ask(expression: str, text: str | None) -> object:
        row = connection.execute(f"select {expression} from (select ?::varchar as text)", [text]).fetchone()
        assert row is not None
        return row[0]

    return ask
