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
    assert score(scored_cdnow) == "frequency leaves 2 empty"
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


@pytest.mark.parametrize(
    ("measure", "values", "published_cuts", "published_sizes"),
    [
        (
            "recency_days",
            {114: 200, 180: 199, 296: 198, 297: 1, 481: 200, 900: 197},
            [115, 181, 297.4, 482],
            [197, 200, 199, 199, 200],
        ),
        ("frequency_count", {3: 268, 4: 187, 5: 176, 7: 244, 8: 120}, [4, 5, 6, 8], [268, 187, 176, 244, 120]),
        (
            "monetary_amount",
            {254: 199, 255: 1, 381: 200, 505: 197, 506: 1, 665: 202, 900: 195},
            [255.8, 382, 506.4, 666],
            [200, 200, 198, 202, 195],
        ),
    ],
)
def test_groups_are_those_that_the_r_package_publishes(warehouse, measure, values, published_cuts, published_sizes):
    """995 customers made so that the README of package rfm, whose cuts are quantiles + 1, would cut them as its own."""
    customers = pd.Series(list(values)).repeat(list(values.values())).to_frame(name="measured")
    cuts = [customers["measured"].quantile(fifth / 5) + 1 for fifth in range(1, 5)]
    assert cuts == pytest.approx(published_cuts)
    others = {"recency_days", "frequency_count", "monetary_amount"} - {measure}
    warehouse.register("customers", customers)
    warehouse.execute(f"""
        create table int_customer__recent_activity as
        select
            cast(row_number() over () as varchar) as customer_id,
            cast(measured as decimal(18, 2)) as {measure},
            {", ".join(f"cast(0 as decimal(18, 2)) as {other}" for other in sorted(others))},
            true as is_scored
        from customers
    """)
    score(warehouse)
    assert list(sizes(warehouse, measure.split("_")[0]).values()) == published_sizes
