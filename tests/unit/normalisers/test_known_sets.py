"""On sets whose truth is known, agreement of normalised values finds no fewer people than agreement of the text."""

import duckdb
import pytest
from identity_data import FEBRL_TRUE_PAIRS, KOREAN_TRUE_PAIRS, febrl, korean_folder, korean_made

from pipelines.identity.scoring import PairScores, pair_scores
from pipelines.normalisers import create_normalising_macros


def agreeing(connection: duckdb.DuckDBPyConnection, *columns: str) -> PairScores:
    """Of clusters of the records that have all `columns`, and the same in each."""
    known = " and ".join(f"{column} is not null" for column in columns)
    connection.execute(
        "create or replace temp table clusters as "
        f"select record_id, md5(concat_ws('|', {', '.join(columns)})) as cluster_id "
        f"from records left join phones using (record_id) where {known}"
    )
    return pair_scores(connection, "clusters", "truth")


def test_name_and_birth_date_tell_all_people_of_the_korean_set_apart() -> None:
    with duckdb.connect() as connection:
        korean_made(connection, with_birth_date=True)
        assert agreeing(connection, "full_name", "birth_date") == PairScores(*[KOREAN_TRUE_PAIRS] * 3)


def test_name_and_phone_find_most_people_of_the_korean_set_and_no_wrong_one() -> None:
    with duckdb.connect() as connection:
        korean_made(connection)
        found = agreeing(connection, "full_name", "phone")
        assert found.precision == 1.0
        assert found.recall == pytest.approx(0.854, abs=0.001)


def test_without_birth_date_the_korean_set_has_none() -> None:
    with duckdb.connect() as connection:
        korean_made(connection)
        assert connection.execute("select count(birth_date), count(region_code), count(*) from records").fetchone() == (
            0,
            1921,
            1921,
        )


def test_decomposed_hangul_makes_the_same_names_as_composed() -> None:
    composed = (korean_folder() / "synthetic_branch_utf8_bom.csv").read_text("utf-8-sig").splitlines()
    decomposed = (korean_folder() / "synthetic_branch_nfd_utf8.csv").read_text("utf-8").splitlines()
    assert composed != decomposed
    with duckdb.connect() as connection:
        create_normalising_macros(connection)
        names = [
            connection.execute(
                "select plain_name(string_split(line, ',')[2]) from (select unnest(?::varchar[]) as line)", [lines]
            ).fetchall()
            for lines in (composed, decomposed)
        ]
        assert names[0] == names[1]


# The recall that the text of name and birth date reaches, at precision 1.
@pytest.mark.parametrize(("number", "recall"), [(1, 0.404), (3, 0.292), (4, 0.416)])
def test_normalised_name_and_birth_date_find_more_pairs_of_febrl_than_their_text(number: int, recall: float) -> None:
    with duckdb.connect() as connection:
        febrl(connection, number)
        found = agreeing(connection, "given_name", "family_name", "birth_date")
        assert found.true_pairs == FEBRL_TRUE_PAIRS[number]
        assert found.precision == 1.0
        assert recall < found.recall < recall + 0.02


@pytest.mark.parametrize("number", FEBRL_TRUE_PAIRS)
def test_febrl_comes_without_national_id(number: int) -> None:
    with duckdb.connect() as connection:
        febrl(connection, number)
        assert pair_scores(connection, "truth", "truth").true_pairs == FEBRL_TRUE_PAIRS[number]
        assert connection.execute("select count(person_key), count(site_key) from records").fetchone() == (0, 0)
        assert connection.execute("select count(*) from phones").fetchone() == (0,)
        systems = connection.execute("select count(distinct source_system) from records").fetchone()
        assert systems == (2 if number == 4 else 1,)
