"""The RFM scores of the warehouse, the SQL itself, on real and published customers.

The rules' edges are dbt unit tests beside the models; here are the numbers no handful of rows can show.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import jinja2
import pandas as pd
import pytest

MODELS = Path(__file__).parents[3] / "models" / "intermediate" / "value"

# The two engine differences that these models leave to dbt.
DBT = SimpleNamespace(
    type_string=lambda: "varchar",
    listagg=lambda measure, delimiter, order_by: f"string_agg({measure}, {delimiter} {order_by})",
)


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def score(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """Make the tables of both models from the table int_customer__recent_activity, and return the note."""
    for name in ("int_rfm__scores", "int_rfm__empty_scores"):
        template = jinja2.Template((MODELS / f"{name}.sql").read_text())
        warehouse.execute(f"create table {name} as {template.render(ref=lambda model: model, dbt=DBT)}")
    return warehouse.execute("select empty_scores_note from int_rfm__empty_scores").fetchall()[0][0]


def sizes(warehouse: duckdb.DuckDBPyConnection, measure: str) -> dict[int, int]:
    rows = warehouse.execute(
        "select score, count(*) from int_rfm__scores where measure = $measure group by score order by score",
        {"measure": measure},
    ).fetchall()
    return dict(rows)


@pytest.fixture
def scored_cdnow(warehouse: duckdb.DuckDBPyConnection, cdnow_master: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """The full cohort at the end of its data, 1998-06-30, without a window."""
    warehouse.register("lines", cdnow_master)
    warehouse.execute("""
        create table int_customer__recent_activity as
        with days as (
            select customer_id, purchase_date, sum(cast(amount as decimal(18, 2))) as amount
            from lines
            group by customer_id, purchase_date
        )
        select
            customer_id,
            date_diff('day', cast(max(purchase_date) as date), date '1998-06-30') as recency_days,
            count(*) as frequency_count,
            cast(sum(amount) as decimal(18, 2)) as monetary_amount,
            true as is_scored
        from days
        group by customer_id
    """)
    return warehouse


def test_where_half_the_customers_bought_once_the_empty_scores_are_named(scored_cdnow):
    assert score(scored_cdnow) == "frequency leaves 2, 3 empty"
    once = scored_cdnow.execute(
        "select count(*) from int_customer__recent_activity where frequency_count = 1"
    ).fetchall()[0][0]
    assert once > 23_570 / 2
    assert sizes(scored_cdnow, "frequency")[1] == once
    for measure in ("recency", "frequency", "monetary"):
        assert sum(sizes(scored_cdnow, measure).values()) == 23_570


def test_identical_customers_have_identical_scores_where_ranks_would_part_them(scored_cdnow):
    score(scored_cdnow)
    scored_cdnow.execute("""
        create table compared as
        select
            recency_days, frequency_count, monetary_amount, ranked.score_by_rank,
            max(score) filter (measure = 'recency') as recency_score,
            max(score) filter (measure = 'frequency') as frequency_score,
            max(score) filter (measure = 'monetary') as monetary_score
        from int_rfm__scores
        inner join (
            select *, ntile(5) over (order by frequency_count, customer_id) as score_by_rank
            from int_customer__recent_activity
        ) as ranked using (customer_id)
        group by all
    """)
    assert single_scores(scored_cdnow, "frequency_count", "score_by_rank") > 1
    for measure, value in (
        ("recency", "recency_days"),
        ("frequency", "frequency_count"),
        ("monetary", "monetary_amount"),
    ):
        assert single_scores(scored_cdnow, value, f"{measure}_score") == 1


def single_scores(warehouse: duckdb.DuckDBPyConnection, value: str, scores: str) -> int:
    """The highest number of scores that customers of one value have."""
    query = f"select max(scores) from (select count(distinct {scores}) as scores from compared group by {value})"
    return warehouse.execute(query).fetchall()[0][0]


def test_frequencies_are_grouped_as_the_r_package_publishes_them(warehouse):
    """995 customers with the cut points of package rfm's README, 4, 5, 6 and 8 (its cut is the quantile + 1)."""
    published = {2: 100, 3: 168, 4: 187, 5: 176, 6: 120, 7: 124, 8: 60, 9: 60}
    frequencies = pd.Series(published).repeat(list(published.values())).index.to_frame(name="frequency_count")
    assert len(frequencies) == 995
    assert [frequencies["frequency_count"].quantile(k / 5) + 1 for k in range(1, 5)] == [4, 5, 6, 8]
    warehouse.register("frequencies", frequencies)
    warehouse.execute("""
        create table int_customer__recent_activity as
        select
            cast(row_number() over () as varchar) as customer_id,
            row_number() over () as recency_days,
            frequency_count,
            cast(row_number() over () as decimal(18, 2)) as monetary_amount,
            true as is_scored
        from frequencies
    """)
    assert score(warehouse) is None
    assert list(sizes(warehouse, "frequency").values()) == [268, 187, 176, 244, 120]


@pytest.mark.parametrize(
    ("measure", "values", "published"),
    [
        # Values of 994 even steps from 0, moved so that each quantile + 1 is the published cut, and its neighbours
        # tie or not as the published group sizes require.
        (
            "monetary_amount",
            {250: 199, 255: 1, 381: 200, 505: 197, 506: 1, 600: 1, 665: 201, 900: 195},
            [200, 200, 198, 202, 195],
        ),
    ],
)
def test_money_is_grouped_as_the_r_package_publishes_it(warehouse, measure, values, published):
    series = pd.Series(list(values)).repeat(list(values.values())).to_frame(name=measure)
    assert len(series) == 995
